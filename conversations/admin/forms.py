"""Forms for what is stored as JSON by language: the texts of a queue, the labels of a reason."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from conversations import outward, texts
from conversations.admin.model_form import LanguageModelForm
from conversations.models import BotEngineName, Queue, Sender
from conversations.models.organization import PER_SECOND

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

MOMENTS = {
    texts.WAITING: (
        _("When somebody asks for a person"),
        _("The conversation has just entered the queue. {position} becomes the customer's place in it."),
    ),
    texts.POSITION: (
        _("Their place in the queue"),
        _(
            "Added to the product's own words above, and the answer when they ask while they wait, at most once in"
            " ten minutes. {position} becomes the place: 1 is next."
        ),
    ),
    texts.STILL_WAITING: (
        _("When they have waited as long as the queue allows"),
        _("Said once. The conversation stays in the queue, one priority higher."),
    ),
    texts.EXPIRED: (
        _("When nobody came in time"),
        _("The longest wait is over, and the conversation goes back to the bot."),
    ),
    texts.CANCELLED: (_("When the customer goes back to the bot"), _("They stopped waiting.")),
    texts.CLAIMED: (_("When an operator takes it"), _("A greeting before the operator writes.")),
    texts.TRANSFERRED: (
        _("When it is handed to a colleague or to another queue"),
        _("Said in the words of the queue it goes to."),
    ),
    texts.REQUEUED: (
        _("When it goes back to the front of the queue"),
        _("Whoever had taken it did not answer, is gone, or a supervisor took it away."),
    ),
    texts.NUDGE: (_("When the customer is silent"), _("Asked once the time set above has passed.")),
    texts.LAST_NUDGE: (
        _("When the customer stays silent"),
        _("Asked after the same time again, as a warning that the chat will be finished."),
    ),
    texts.LEFT: (
        _("When the chat is finished because of silence"),
        _("After the same time once more. The conversation goes back to the bot."),
    ),
    texts.FAREWELL: (_("When the service ends"), _("The operator has finished the chat.")),
}
LONGEST = 1000
SHAPES = {
    "address": (r"whatsapp:\+\d{6,15}", "whatsapp:+551150280000"),
    "account_sid": (r"AC[0-9A-Za-z]{32}", "AC0123456789abcdef0123456789abcdef"),
    "messaging_service_sid": (r"MG[0-9A-Za-z]{32}", "MG0123456789abcdef0123456789abcdef"),
    "flow_sid": (r"FW[0-9A-Za-z]{32}", "FW0123456789abcdef0123456789abcdef"),
    "api_key_sid": (r"SK[0-9A-Za-z]{32}", "SK0123456789abcdef0123456789abcdef"),
}
REFUSED = {
    "form": _("Write a whole web address, beginning with https://."),
    "scheme": _(
        "Write an address beginning with https://. Only hosts in INTERNAL_HOSTS may be called by http."
    ),
    "credentials": _(
        "Write the address without a name and a password in it; the signature takes their place."
    ),
    "private": _("This is an address of a private network. Name its host in INTERNAL_HOSTS if it is meant."),
}
PLACED = {texts.WAITING, texts.POSITION}
"""Where the customer's place in the queue may be named."""


def text_field(moment: str, language: str) -> str:
    return f"text_{moment}_{language.replace('-', '_')}"


def silence_field(moment: str) -> str:
    return f"silent_{moment}"


class QueueForm(ModelForm):
    """An empty text leaves the product's own words (shown in grey); silence has a box of its own."""

    class Meta:
        model = Queue
        fields = (
            *("name", "order", "is_default", "auto_offer", "offer_seconds"),
            *("waiting_minutes", "waiting_then", "first_reply_minutes", "silent_minutes"),
            *("alert_email", "alert_minutes"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.texts or {}
        for moment in texts.MOMENTS:
            said = stored.get(moment, {})
            for language, _name in settings.LANGUAGES:
                field = self.fields[text_field(moment, language)]
                field.initial = said.get(language, "")
                field.widget.attrs["placeholder"] = texts.default(moment, language)
            silent = bool(said) and not any(said.values())
            self.fields[silence_field(moment)].initial = silent

    def clean(self) -> dict[str, Any]:
        """Elsewhere the customer would read the placeholder itself."""
        given = super().clean() or {}
        for moment in set(texts.MOMENTS) - PLACED:
            for language, _name in settings.LANGUAGES:
                name = text_field(moment, language)
                if texts.PLACE in (given.get(name) or ""):
                    self.add_error(name, _("The place in the queue is not known at this moment."))
        return given

    def stored_texts(self) -> dict[str, dict[str, str]]:
        stored = {}
        for moment in texts.MOMENTS:
            if self.cleaned_data[silence_field(moment)]:
                stored[moment] = {language: "" for language, _name in settings.LANGUAGES}
                continue
            written = {
                language: text
                for language, _name in settings.LANGUAGES
                if (text := self.cleaned_data[text_field(moment, language)].strip())
            }
            if written:
                stored[moment] = written
        return stored

    def save(self, commit: bool = True) -> Any:
        self.instance.texts = self.stored_texts()
        return super().save(commit=commit)


def _text_fields() -> dict[str, forms.Field]:
    fields: dict[str, forms.Field] = {}
    for moment in texts.MOMENTS:
        for language, name in settings.LANGUAGES:
            fields[text_field(moment, language)] = forms.CharField(
                label=name,
                required=False,
                max_length=LONGEST,
                widget=forms.Textarea(attrs={"rows": 4, "lang": language}),
            )
        fields[silence_field(moment)] = forms.BooleanField(
            label=_("Say nothing at this moment"), required=False
        )
    return fields


# Declared after the class: their names are made of the moments and the languages.
QueueForm.declared_fields.update(_text_fields())
QueueForm.base_fields.update(QueueForm.declared_fields)


def _secret(label: Any, more: Any = "") -> forms.CharField:
    """Goes in and never comes out."""
    kept = _("Stored encrypted and never shown. Leave it empty to keep the one that is there.")
    return forms.CharField(
        label=label,
        required=False,
        strip=True,
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=format_lazy("{} {}", more, kept) if more else kept,
    )


def _refusal(url: str) -> Any:
    """Why this address may not be called; nothing for one that may, or for none."""
    try:
        if url:
            outward.checked(url)
    except outward.AddressRefused as refused:
        return REFUSED[refused.code]
    return ""


class SenderForm(LanguageModelForm):
    auth_token = _secret(_("Auth token"))
    secondary_token = _secret(
        _("Secondary token"), _("While the token is rotated: what either of the two has signed is accepted.")
    )
    api_key_secret = _secret(_("API key secret"))
    bot_secret = _secret(
        _("secret of your bot"), _("Signs each question. Left empty, one is made and shown to you once.")
    )
    finish_rotation = forms.BooleanField(
        label=_("Finish the rotation: the secondary token takes the first one's place"), required=False
    )
    made_secret = ""
    """One that was made because none was typed."""
    forget_secondary = forms.BooleanField(label=_("Forget the secondary token"), required=False)

    class Meta:
        model = Sender
        fields = (
            *("name", "address", "account_sid", "auth_token", "messaging_service_sid"),
            *(
                "api_key_sid",
                "api_key_secret",
                "bot_engine",
                "bot_url",
                "flow_sid",
                "bot_hears_operators",
                "per_second",
                "shows_typing",
                "paused",
            ),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["per_second"].required = False
        # Between opening the form and saving it the worker may have paused the number: only a touched field counts.
        self.fields["paused"].show_hidden_initial = True

    def clean_per_second(self) -> int:
        return self.cleaned_data.get("per_second") or PER_SECOND

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name, (pattern, example) in SHAPES.items():
            value = given.get(name) or ""
            if value and not re.fullmatch(pattern, value):
                self.add_error(name, _("This should look like %(example)s.") % {"example": example})
        stored = bool(self.instance.api_key_secret) and given.get("api_key_sid") == self.instance.api_key_sid
        if given.get("api_key_sid") and not (given.get("api_key_secret") or stored):
            self.add_error("api_key_secret", _("The API key needs its secret."))
        self._check_bot(given)
        self._check_flow(given)
        if given.get("secondary_token") and (given.get("finish_rotation") or given.get("forget_secondary")):
            self.add_error("secondary_token", _("Either a new secondary token or the end of the rotation."))
        return given

    def _check_bot(self, given: dict[str, Any]) -> None:
        url = given.get("bot_url") or ""
        if not url and given.get("bot_engine") == BotEngineName.WEBHOOK:
            self.add_error("bot_url", _("Your own bot needs the address at which it is asked."))
        if why := _refusal(url):
            self.add_error("bot_url", why)
        self.check_model(given, _refusal)

    def _check_flow(self, given: dict[str, Any]) -> None:
        account = given.get("account_sid") or self.instance.account_sid
        of_environment = bool(settings.TWILIO_FLOW_SID) and account == settings.TWILIO_SID
        named = given.get("flow_sid") or of_environment
        if given.get("bot_engine") == BotEngineName.STUDIO and not named:
            self.add_error("flow_sid", _("Name the flow that answers on this number."))

    def _post_clean(self) -> None:
        """Before the instance takes the new SID, ``clean`` has compared it with the old one."""
        super()._post_clean()  # type: ignore[misc]
        if not self.errors:
            self._take_secrets(self.instance)
            self.take_model(self.instance)

    def _take_secrets(self, sender: Sender) -> None:
        for name in ("auth_token", "secondary_token", "api_key_secret", "bot_secret"):
            if typed := self.cleaned_data.get(name):
                setattr(sender, name, typed)
        if sender.bot_url and not sender.bot_secret:
            sender.bot_secret = self.made_secret = secrets.token_urlsafe(32)
        if not sender.api_key_sid:
            sender.api_key_secret = ""
        if self.cleaned_data.get("finish_rotation"):
            sender.finish_rotation()
        elif self.cleaned_data.get("forget_secondary"):
            sender.secondary_token = ""
