"""What a desk's own database holds of those elsewhere who are told things: part of ``inside``."""

from __future__ import annotations

from datetime import timedelta

from conversations import clock, crypto, events
from conversations.models import BotEngineName, Organization, Overheard, Sender
from handoffflow.subscriptions import Notice, Subscription
from handoffflow.webhooks import keeping


def bot_hears(url: str) -> None:
    """A bot over HTTP that is told what operators say."""
    Sender.objects.update(
        bot_engine=BotEngineName.WEBHOOK,
        bot_url=url,
        bot_secret_encrypted=crypto.encrypt("secret"),
        bot_hears_operators=True,
        bot_failures=0,
        bot_rests_until=None,
    )


def studio_is(flow: str) -> None:
    """Messages come to the desk first, and go on to this flow."""
    Sender.objects.update(
        bot_engine=BotEngineName.STUDIO,
        flow_sid=flow,
        bot_failures=0,
        created_at=clock.now() - timedelta(days=1),
    )


def subscribes(url: str, kinds: list[str]) -> None:
    keeping.make(Organization.objects.get(), name="CRM", url=url, kinds=kinds, now=clock.now())


def nobody_subscribes() -> None:
    Subscription.objects.all().delete()


def all_is_told() -> bool:
    unread = any(events.behind(row.cursor) for row in Subscription.objects.all())
    return not (unread or Overheard.objects.exists() or Notice.objects.waiting().exists())
