"""What the REST API keeps: who may call, what was answered, and who is told of events."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from conversations.compiled import Compiled
from conversations.models import Organization, Sender
from conversations.models.base import Public
from handoffflow.subscriptions import Notice as Notice
from handoffflow.subscriptions import Subscription as Subscription
from operators.models import Operator

KEPT = timedelta(hours=24)
"""How long an answer is repeated for the same Idempotency-Key."""
ABANDONED = timedelta(minutes=1)
"""A request still unanswered after this died with its process; the same key may try again."""
_USED_EVERY = timedelta(minutes=1)
_TOKEN = re.compile(r"hf_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


class Scope(models.TextChoices):
    BOT = "bot", _("bot of one sender")
    DESK = "desk", _("serve conversations")
    READ = "read", _("read conversations")
    ADMIN = "admin", _("everything the desk may, and by force")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def for_organization(self, organization: Organization) -> Self:
        return self.filter(organization=organization)

    def issue(
        self,
        *,
        organization: Organization,
        name: str,
        scopes: Iterable[str],
        sender: Sender | None = None,
        expires_at: datetime | None = None,
        created_by: Operator | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and its token. The token is not stored: nobody can show it a second time."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = ApiKey(
            organization=organization,
            name=name,
            key_id=key_id,
            secret_hash=_hash(secret),
            scopes=sorted(set(scopes)),
            sender=sender,
            expires_at=expires_at,
            created_by=created_by,
        )
        key.refuse_odd_scopes()
        key.save(force_insert=True)
        return key, f"{key.prefix}_{secret}"


class ApiKey(Public):
    """A bot or an integration. Only a hash of the secret is kept."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="api_keys")
    name = models.CharField(_("name"), max_length=120)
    key_id = models.CharField(max_length=12, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    sender = models.ForeignKey(Sender, models.PROTECT, null=True, blank=True, related_name="api_keys")
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="api_keys",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    @classmethod
    def authenticate(cls, token: str, *, now: datetime) -> ApiKey | None:
        """The key of this token, or None for one that is malformed, unknown, revoked or expired."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        key = next(iter(_of_token(parts["id"])), None)
        known = constant_time_compare(key.secret_hash if key else "", _hash(parts["secret"]))
        return key if key and known and key.usable(now) else None

    @property
    def prefix(self) -> str:
        """The part that may be shown: it tells keys apart and opens nothing."""
        return f"hf_{self.key_id}"

    def usable(self, now: datetime) -> bool:
        """Not revoked, not expired, and whoever made it still belongs to the team."""
        expired = self.expires_at is not None and self.expires_at <= now
        orphaned = self.created_by is not None and not self.created_by.is_active
        return self.revoked_at is None and not expired and not orphaned

    def note_use(self, now: datetime) -> None:
        """Once a minute is precise enough, and no reason to write on every request."""
        if self.last_used_at is not None and self.last_used_at > now - _USED_EVERY:
            return
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=now - _USED_EVERY)
        ApiKey.objects.filter(unnoted, pk=self.pk).update(last_used_at=now)

    def refuse_odd_scopes(self) -> None:
        """``bot`` is one sender's engine: it needs that sender, and it is nobody of the team."""
        wanted = set(self.scopes)
        if not wanted or wanted - set(Scope.values):
            raise ValueError(f"Scopes are {', '.join(Scope.values)}; at least one is needed.")
        if Scope.BOT in wanted and self.sender is None:
            raise ValueError("A key with the scope bot belongs to one sender: name it.")
        if Scope.BOT in wanted and wanted & {Scope.DESK, Scope.ADMIN}:
            raise ValueError("A bot's key may read beside, and nothing else: make a second key.")


@Compiled
def _of_token(key_id: str) -> models.QuerySet[ApiKey]:
    """Every call of the API asks for it."""
    return ApiKey.objects.select_related("organization", "created_by").filter(key_id=key_id)


def _hash(secret: str) -> str:
    # 256 random bits: nothing a slow hash would protect.
    return hashlib.sha256(secret.encode()).hexdigest()


class IdempotentRequestQuerySet(models.QuerySet["IdempotentRequest"]):
    def forgotten(self, now: datetime) -> Self:
        return self.filter(created_at__lt=now - KEPT)

    def take_over(self, row: IdempotentRequest, *, fingerprint: str, path: str, now: datetime) -> bool:
        """Begin again in a row whose answer has expired or never came; one caller wins."""
        return (
            self.filter(pk=row.pk, attempt=row.attempt).update(
                attempt=F("attempt") + 1,
                fingerprint=fingerprint,
                path=path,
                status=None,
                body="",
                created_at=now,
            )
            == 1
        )


class IdempotentRequest(models.Model):
    """One POST under an Idempotency-Key: its INSERT decides who acts. ``status`` is null until it is answered."""

    principal = models.CharField(max_length=60)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    path = models.CharField(max_length=255)
    attempt = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_index=True)

    objects = IdempotentRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("repeatable request")
        verbose_name_plural = _("repeatable requests")
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="idempotent_principal_key")]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def abandoned(self, now: datetime) -> bool:
        return self.status is None and self.created_at < now - ABANDONED

    def expired(self, now: datetime) -> bool:
        return self.created_at < now - KEPT
