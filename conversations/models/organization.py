from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations import crypto
from conversations.models.base import Due, Public

ADDRESS_LENGTH = 255
NOTED_AGAIN = timedelta(hours=1)
SANDBOX = "whatsapp:+14155238886"
"""Twilio's shared number for trying things out. It takes one message in three seconds."""
SANDBOX_PAUSE = timedelta(seconds=3)
PER_SECOND = 80
"""What WhatsApp lets a number send unless it was granted more."""


class Organization(Public):
    """The company ("owner"). There is one by default, and whoever has one never sees the word."""

    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")

    @classmethod
    def default(cls) -> Organization:
        first = cls.objects.order_by("pk").first()
        return first or cls.objects.create(name=settings.APP_NAME)


class BotEngineName(models.TextChoices):
    RULES = "rules", _("Built-in menu and answers")
    WEBHOOK = "webhook", _("Your own bot, over HTTP")
    LLM = "llm", _("Language model")
    STUDIO = "studio", _("Twilio Studio flow")
    NONE = "none", _("No bot: straight to the queue")


ELSEWHERE = frozenset({BotEngineName.WEBHOOK, BotEngineName.LLM})
"""Bots that are asked over the network."""


class SenderQuerySet(models.QuerySet["Sender"]):
    def for_organization(self, organization: Organization) -> SenderQuerySet:
        return self.filter(organization=organization)

    def signed(self, sender: Sender, *, token: str, now: datetime) -> None:
        """Which token Twilio was seen to sign with. The second one is noted once an hour at most; the first one after
        it belongs to the next rotation, or to none."""
        second, seen = token != sender.auth_token, sender.secondary_signed_at
        if second and not (seen and now - seen < NOTED_AGAIN):
            self.filter(pk=sender.pk).update(secondary_signed_at=now)
        elif seen and not second:
            self.filter(pk=sender.pk).update(secondary_signed_at=None)

    def gated(self, sender: Sender, *, now: datetime | None) -> None:
        """Which of the two has a message first: the flow, which then asks us, or (None) we. Noted once an hour."""
        seen = sender.gated_at
        if now is None:
            if seen:
                self.filter(pk=sender.pk).update(gated_at=None)
        elif not (seen and now - seen < NOTED_AGAIN):
            self.filter(pk=sender.pk).update(gated_at=now)

    def of_environment(self) -> Sender | None:
        """The sender the environment names, made on first use; None when there is no account."""
        if not (settings.TWILIO_SID and settings.TWILIO_WHATSAPP_NUMBER):
            return None
        sender, _made = self.get_or_create(
            account_sid=settings.TWILIO_SID,
            address=settings.TWILIO_WHATSAPP_NUMBER,
            defaults={
                "organization": Organization.default(),
                "name": settings.APP_NAME,
                "bot_engine": BotEngineName.STUDIO if settings.TWILIO_FLOW_SID else BotEngineName.RULES,
            },
        )
        return sender


class Sender(Public, Due):
    """A WhatsApp number of the company. Found by (account, address); its tokens verify what Twilio signs.

    ``paused`` says why nothing goes out: in a person's words, and then until a person empties it; or one of
    ``twilio.errors.Trouble``, and then it is due when the worker looks whether that is over.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="senders")
    name = models.CharField(_("name"), max_length=120)
    address = models.CharField(_("WhatsApp address"), max_length=ADDRESS_LENGTH, help_text="whatsapp:+5511…")
    account_sid = models.CharField(_("Twilio account SID"), max_length=64)
    auth_token_encrypted = models.TextField(blank=True, default="", editable=False)
    secondary_token_encrypted = models.TextField(blank=True, default="", editable=False)
    secondary_signed_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When Twilio was last seen to sign with the second token: from then on it is the first one there."""
    api_key_sid = models.CharField(
        _("API key SID"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("SK…, if messages are sent with one"),
    )
    api_key_secret_encrypted = models.TextField(blank=True, default="", editable=False)
    messaging_service_sid = models.CharField(
        _("Messaging Service SID"), max_length=64, blank=True, default=""
    )
    bot_engine = models.CharField(
        _("bot"), max_length=20, choices=BotEngineName.choices, default=BotEngineName.RULES
    )
    bot_settings = models.JSONField(default=dict, blank=True)
    bot_url = models.CharField(
        _("address of your bot"),
        max_length=500,
        blank=True,
        default="",
        help_text=_("https://…: each turn is posted there, and its answer is what the bot says."),
    )
    bot_secret_encrypted = models.TextField(blank=True, default="", editable=False)
    llm_key_encrypted = models.TextField(blank=True, default="", editable=False)
    flow_sid = models.CharField(
        _("Studio flow SID"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("FW…; empty takes TWILIO_FLOW_SID, for numbers of the environment's account."),
    )
    bot_hears_operators = models.BooleanField(
        _("tell the bot what operators say"),
        default=False,
        help_text=_("Each of their messages is posted to it as well. What it answers then is not said."),
    )
    bot_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    """How many of its turns in a row were given up. Written by breaker.py only, as is the next."""
    bot_rests_until = models.DateTimeField(null=True, blank=True, editable=False)
    gated_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When its flow last asked us whose a customer is; null while messages come to us first. A flow that asks has had
    every message, also those that we are not told of."""
    paused = models.CharField(_("paused because"), max_length=120, blank=True, default="")
    paused_code = models.PositiveIntegerField(_("Twilio's code"), null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(_("paused since"), null=True, blank=True, editable=False)
    trial = models.ForeignKey(
        "conversations.Delivery", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    """The one line that goes out while it is paused, to see whether the trouble is over."""
    trials = models.PositiveSmallIntegerField(default=0, editable=False)
    """How many have failed: so much longer it waits with the next one."""
    per_second = models.PositiveSmallIntegerField(
        _("messages per second"),
        default=PER_SECOND,
        validators=[MinValueValidator(1)],
        help_text=_("As many as WhatsApp lets this number send. Twilio's sandbox number sends one in three."),
    )
    next_send_at = models.DateTimeField(null=True, blank=True, editable=False)
    """Before that nothing more goes out. Written by pacing.py only."""
    shows_typing = models.BooleanField(
        _("show the customer that somebody is typing"),
        default=False,
        help_text=_("It marks their last message as read as well."),
    )
    demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SenderQuerySet.as_manager()

    if TYPE_CHECKING:
        trial_id: int | None

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        constraints = [
            models.UniqueConstraint(fields=["account_sid", "address"], name="sender_account_address")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def interval(self) -> timedelta:
        """From one message to the next at the pace it is allowed."""
        if self.sandbox:
            return SANDBOX_PAUSE
        return timedelta(seconds=1) / max(1, self.per_second)

    @property
    def of_environments_account(self) -> bool:
        return bool(self.account_sid) and self.account_sid == settings.TWILIO_SID

    @property
    def flow(self) -> str:
        """The Studio flow that answers on this number; "" where another bot does, or none is named."""
        if self.bot_engine != BotEngineName.STUDIO:
            return ""
        return self.flow_sid or (settings.TWILIO_FLOW_SID if self.of_environments_account else "")

    @property
    def gated(self) -> bool:
        """Whether its flow has every message before we do."""
        return bool(self.flow and self.gated_at)

    @property
    def hears_operators(self) -> bool:
        """Whether its bot is told what people say to the customer."""
        return self.bot_hears_operators and self.bot_engine == BotEngineName.WEBHOOK

    @property
    def sandbox(self) -> bool:
        """Twilio's shared number: only who has joined can be written to."""
        return self.address == SANDBOX

    @property
    def auth_token(self) -> str:
        """This sender's own token, or the environment's when it is of the environment's account."""
        if self.auth_token_encrypted:
            return crypto.decrypt(self.auth_token_encrypted)
        return settings.TWILIO_AUTH_TOKEN if self.of_environments_account else ""

    @auth_token.setter
    def auth_token(self, plain: str) -> None:
        self.auth_token_encrypted = crypto.encrypt(plain)

    @property
    def bot_secret(self) -> str:
        """What our questions to the bot are signed with."""
        return crypto.decrypt(self.bot_secret_encrypted)

    @bot_secret.setter
    def bot_secret(self, plain: str) -> None:
        self.bot_secret_encrypted = crypto.encrypt(plain)

    @property
    def llm_key(self) -> str:
        """What the endpoint of the language model knows us by. Goes to the address it was typed for, and no other."""
        return crypto.decrypt(self.llm_key_encrypted)

    @llm_key.setter
    def llm_key(self, plain: str) -> None:
        self.llm_key_encrypted = crypto.encrypt(plain)

    @property
    def secondary_token(self) -> str:
        """Accepted as well while the token is rotated."""
        if self.secondary_token_encrypted:
            return crypto.decrypt(self.secondary_token_encrypted)
        return settings.TWILIO_AUTH_TOKEN_SECONDARY if self.of_environments_account else ""

    @secondary_token.setter
    def secondary_token(self, plain: str) -> None:
        self.secondary_token_encrypted, self.secondary_signed_at = crypto.encrypt(plain), None

    @property
    def api_key_secret(self) -> str:
        return crypto.decrypt(self.api_key_secret_encrypted)

    @api_key_secret.setter
    def api_key_secret(self, plain: str) -> None:
        self.api_key_secret_encrypted = crypto.encrypt(plain)

    @property
    def verifying_tokens(self) -> list[str]:
        """Tokens that may have signed, the first one first. Never an empty one."""
        return [token for token in (self.auth_token, self.secondary_token) if token]

    @property
    def calling_tokens(self) -> tuple[str, str]:
        """The token to call Twilio with, and another to try when that is refused: a second one that Twilio was seen
        to sign with is the first one there by now."""
        first, second = self.auth_token, self.secondary_token
        if second and (self.secondary_signed_at or not first):
            first, second = second, first
        return first, "" if second == first else second

    def finish_rotation(self) -> bool:
        """The second token, which Twilio signs with by now, becomes the first. False where there is none of our own."""
        if not crypto.decrypt(self.secondary_token_encrypted):
            return False
        self.auth_token_encrypted, self.secondary_token = self.secondary_token_encrypted, ""
        return True
