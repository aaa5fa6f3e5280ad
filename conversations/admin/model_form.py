"""The part of a number's form that is about its language model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from conversations.models import BotEngineName, Sender
from conversations.prompting import LONGEST_SECONDS, MAX_TOKENS, SECONDS

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Any]
else:
    ModelForm = forms.ModelForm

FIELDS = (
    "llm_url",
    "llm_model",
    "llm_key",
    "llm_max_tokens",
    "llm_seconds",
    "llm_unmasked",
    "llm_instructions",
)
STORED = {name: "llm_key_encrypted" if name == "llm_key" else "bot_settings" for name in FIELDS}
"""The column behind each of them."""


class LanguageModelForm(ModelForm):
    llm_url = forms.CharField(
        label=_("Address of the language model"),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_(
            "Of any OpenAI-compatible service, up to the version: https://api.openai.com/v1. Empty: that of the"
            " installation (LLM_URL)."
        ),
    )
    llm_model = forms.CharField(
        label=_("Model"),
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_("Its name there. Empty: that of the installation (LLM_MODEL)."),
    )
    llm_key = forms.CharField(
        label=_("Key"),
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_(
            "Stored encrypted and never shown. Leave it empty to keep the one that is there; with another address it"
            " has to be typed again."
        ),
    )
    llm_max_tokens = forms.IntegerField(
        label=_("Longest answer, in tokens"),
        required=False,
        min_value=50,
        max_value=4000,
        widget=forms.NumberInput(attrs={"placeholder": MAX_TOKENS}),
        help_text=_("What is longer is cut where a sentence ends."),
    )
    llm_seconds = forms.IntegerField(
        label=_("Longest wait for an answer, in seconds"),
        required=False,
        min_value=5,
        max_value=LONGEST_SECONDS,
        widget=forms.NumberInput(attrs={"placeholder": SECONDS}),
        help_text=_(
            "For each of three attempts; then a person is called. More than ten is for a slow model."
        ),
    )
    llm_unmasked = forms.BooleanField(
        label=_("Send personal data as it is"),
        required=False,
        help_text=_(
            "Otherwise phones, e-mail addresses, CPF, CNPJ, cards, long numbers and the customer's name are masked"
            " before they leave; in the answer they are themselves again."
        ),
    )
    llm_instructions = forms.CharField(
        label=_("Instructions"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField"}),
        help_text=_(
            "How it shall speak, and what it shall leave to people. What it knows stands in the articles."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = self._own
        for name in ("url", "model", "instructions"):
            self.fields[f"llm_{name}"].initial = own.get(name, "")
        for name in ("max_tokens", "seconds"):
            self.fields[f"llm_{name}"].initial = own.get(name)
        self.fields["llm_unmasked"].initial = not own.get("mask", True)

    @property
    def _own(self) -> dict[str, Any]:
        return dict((self.instance.bot_settings or {}).get("llm") or {})

    def check_model(self, given: dict[str, Any], refusal: Any) -> None:
        """``refusal`` says why an address may not be called, or nothing."""
        url = given.get("llm_url") or ""
        if why := refusal(url):
            self.add_error("llm_url", why)
        if url and not given.get("llm_model"):
            self.add_error("llm_model", _("An address of its own needs the name of a model there."))
        if given.get("llm_key") and not url:
            self.add_error("llm_key", _("A key belongs to an address of its own."))
        if given.get("llm_key") and not (given["llm_key"].isascii() and given["llm_key"].isprintable()):
            self.add_error("llm_key", _("A key has no blanks and no accents."))
        if given.get("bot_engine") == BotEngineName.LLM and not (url or settings.LLM_URL):
            self.add_error("llm_url", _("The language model needs an address."))

    def take_model(self, sender: Sender) -> None:
        """What was touched. The key goes with the address it was typed for."""
        if not set(self.changed_data) & set(FIELDS):
            return
        given, before = self.cleaned_data, self._own.get("url", "")
        own = {
            "url": given["llm_url"].rstrip("/"),
            "model": given["llm_model"],
            "max_tokens": given["llm_max_tokens"],
            "seconds": given["llm_seconds"],
            "mask": not given["llm_unmasked"],
            "instructions": given["llm_instructions"],
        }
        sender.bot_settings = {**(sender.bot_settings or {}), "llm": own}
        if given["llm_key"]:
            sender.llm_key = given["llm_key"]
        elif _origin(own["url"]) != _origin(before):
            sender.llm_key = ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
