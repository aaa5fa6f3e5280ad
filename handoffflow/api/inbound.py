"""Webhooks of Twilio's that could not be applied, and trying them again. For supervisors."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from conversations import clock, retry
from conversations.models import InboundWebhook, WebhookOutcome
from handoffflow.api import once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope

router = Router(tags=["work"])


class FailedWebhook(BaseModel):
    """Without what the customer wrote: the panel shows that to whoever is noted to have looked."""

    id: UUID
    sender: str | None
    reason: str
    attempts: int
    received_at: datetime
    next_attempt_at: datetime | None


class FailedWebhooks(schemas.Page[FailedWebhook]):
    pass


class FailedFilter(schemas.Paged):
    pass


class BeingTried(BaseModel):
    replayed: int = Field(description="How many are being tried now.")


@router.get(
    "/inbound-webhooks",
    auth=Access(Scope.DESK, query=FailedFilter),
    response={200: FailedWebhooks},
    openapi_extra=openapi.codes(),
)
def list_inbound_webhooks(request: ApiRequest, filters: Query[FailedFilter]) -> HttpResponse:
    """Those that failed and are tried again, the oldest first. Scope admin, or a supervisor."""
    reach.supervised(request.auth)
    found, following = pages.page(
        _failed(request.auth).select_related("sender"), ("pk",), filters, name="inbound"
    )
    items = [
        FailedWebhook.model_construct(
            id=row.public_id,
            sender=row.sender.address if row.sender else None,
            reason=row.reason,
            attempts=row.attempts,
            received_at=row.received_at,
            next_attempt_at=row.due_at,
        )
        for row in found
    ]
    return render.document(FailedWebhooks.model_construct(items=items, next=following))


@router.post(
    "/inbound-webhooks/replay",
    auth=Access(Scope.DESK),
    response={200: BeingTried},
    openapi_extra=openapi.codes("nothing_to_replay"),
)
def replay_webhooks(request: ApiRequest, body: reach.Nothing = reach.NOTHING) -> HttpResponse:
    """Try all of them now, up to 1,000. Scope admin, or a supervisor."""
    return once.perform(request, lambda: _replay(request.auth))


@router.post(
    "/inbound-webhooks/{webhook_id}/replay",
    auth=Access(Scope.DESK),
    response={200: BeingTried},
    openapi_extra=openapi.codes("nothing_to_replay"),
)
def replay_webhook(request: ApiRequest, webhook_id: str, body: reach.Nothing = reach.NOTHING) -> HttpResponse:
    """Try one of them now. Scope admin, or a supervisor."""
    return once.perform(request, lambda: _replay(request.auth, webhook_id))


def _replay(caller: Caller, webhook_id: str | None = None) -> HttpResponse:
    reach.supervised(caller)
    if webhook_id is None:
        pks = list(_failed(caller).order_by("due_at").values_list("pk", flat=True)[: retry.MOST])
    else:
        pks = [reach.one(_ours(caller), webhook_id).pk]
    hastened = retry.at_once(caller.organization, pks, cause=caller.cause(), now=clock.now())
    if not hastened:
        raise Refused("nothing_to_replay")
    return render.document(BeingTried(replayed=hastened))


def _failed(caller: Caller) -> QuerySet[InboundWebhook]:
    return _ours(caller).filter(outcome=WebhookOutcome.FAILED, due_at__isnull=False)


def _ours(caller: Caller) -> QuerySet[InboundWebhook]:
    ours = InboundWebhook.objects.filter(organization=caller.organization)
    if caller.key is not None and caller.key.sender_id is not None:
        return ours.filter(sender=caller.key.sender_id)
    return ours
