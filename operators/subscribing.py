"""Which browsers may call an operator: allowed in the browser itself, taken back in any."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from conversations import events
from operators import push
from operators.devices import LONGEST_ADDRESS, PushSubscription, Story
from operators.models import Operator

MOST = 20
"""Browsers of one operator; beyond that the one that was allowed first goes."""
STORY = "calls"
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")),
    *(("CrOS", "ChromeOS"), ("Mac OS", "macOS"), ("Linux", "Linux")),
)


def subscribe(
    operator: Operator,
    *,
    endpoint: str,
    p256dh: str,
    auth: str,
    agent: str,
    session: str,
    now: datetime,
) -> PushSubscription | None:
    """Let this browser call the operator, and nobody else who used it before. None if it cannot be called."""
    if len(endpoint) > LONGEST_ADDRESS or not push.allowed(endpoint) or not push.usable(p256dh, auth):
        return None
    values = {
        "operator": operator,
        "endpoint": endpoint,
        "p256dh": p256dh.rstrip("="),
        "auth": auth.rstrip("="),
        "device": device(agent),
        "allowed_under": mark(operator.get_session_auth_hash()),
        "session": mark(session),
    }
    read_on(now)
    own = {"fingerprint": mark(endpoint)}
    try:
        with transaction.atomic():
            found, made = PushSubscription.objects.update_or_create(
                **own, defaults=values, create_defaults={**values, "created_at": now}
            )
    except IntegrityError:  # the same browser, from two tabs at once
        return of(operator).filter(**own).first()
    if made:
        _forget_oldest(operator)
    return found


def unsubscribe(operator: Operator, endpoint: str) -> None:
    of(operator).filter(fingerprint=mark(endpoint)).delete()


def sign_out(operator: Operator, session: str) -> None:
    """Whoever uses this browser next is not told whom the last one serves."""
    of(operator).filter(session=mark(session)).delete()


def of(operator: Operator) -> QuerySet[PushSubscription]:
    return PushSubscription.objects.filter(operator=operator)


def holds(subscription: PushSubscription) -> bool:
    """Whether it was allowed under the password that is in force; a rotated SECRET_KEY changes nothing."""
    operator = subscription.operator
    if not operator.is_active:
        return False
    under = [operator.get_session_auth_hash(), *operator.get_session_auth_fallback_hash()]
    return subscription.allowed_under in map(mark, under)


def read_on(now: datetime) -> None:
    """From here on the story is read for those who are to be called."""
    if Story.objects.filter(name=STORY).exists():
        return
    with suppress(IntegrityError), transaction.atomic():
        Story.objects.create(name=STORY, cursor=events.since(None, organization=None).cursor, due_at=now)


def device(agent: str) -> str:
    """What somebody knows their browser by: its name, and what it runs on."""
    names = (_named(agent, _BROWSERS), _named(agent, _SYSTEMS))
    return " · ".join(filter(None, names))


def mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _named(agent: str, known: tuple[tuple[str, str], ...]) -> str:
    return next((name for sign, name in known if re.search(re.escape(sign), agent)), "")


def _forget_oldest(operator: Operator) -> None:
    newest = of(operator).order_by("-created_at", "-pk").values_list("pk", flat=True)
    of(operator).filter(pk__in=list(newest[MOST : 2 * MOST])).delete()
