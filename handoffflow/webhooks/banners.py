"""A webhook that has paused itself is told of above every page of the console: nobody else would notice."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from handoffflow.subscriptions import Subscription
from operators import banners
from operators.banners import Banner
from operators.models import Operator


@banners.tells
def paused(operator: Operator, _now: datetime) -> list[Banner]:
    own = Subscription.objects.for_organization(operator.organization).paused_by_itself()
    return [_banner(row) for row in own.order_by("pk")]


def _banner(row: Subscription) -> Banner:
    return Banner(
        id=f"webhook-{row.public_id}",
        text=_("The webhook “%(name)s” is told nothing: %(why)s.")
        % {"name": row.name, "why": row.get_paused_display()},
        todo=_("What it was to be told waits."),
        see=reverse("admin:handoffflow_subscription_change", args=[row.pk]),
        label=_("See the webhook"),
    )
