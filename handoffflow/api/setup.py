"""What supervisors have set up, to be read: queues, closing reasons, canned replies, attributes, senders."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field

from conversations import clock, pauses
from conversations.models import Queue, Sender
from conversations.twilio.errors import Trouble
from handoffflow.api import once, openapi, pages, reach, render, schemas
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.models import Scope
from operators.models import AttributeDefinition, CannedReply, Reason

router = Router(tags=["settings"])


class QueueShape(BaseModel):
    id: UUID
    name: str
    default: bool
    waiting: int = Field(description="How many wait in it whom you may see.")
    offers: bool = Field(description="Whether what waits is offered to whoever is available.")
    offer_seconds: int
    waiting_minutes: int | None = Field(description="The longest wait.")
    waiting_then: Literal["raise", "bot"] = Field(
        description="After it: one priority higher, or back to the bot."
    )
    first_reply_minutes: int | None = Field(description="Not answered by then, it goes back to the queue.")
    silent_minutes: int | None = Field(
        description="The customer is asked twice after so long; then it is finished."
    )


class Queues(schemas.Page[QueueShape]):
    pass


class ReasonShape(BaseModel):
    code: str = Field(description="The `outcome` of a release.")
    labels: dict[str, str] = Field(description="By language.")


class Reasons(schemas.Page[ReasonShape]):
    pass


class CannedReplyShape(BaseModel):
    id: UUID
    code: str
    title: str
    body: str = Field(description="With `{first_name}` and the like in it, as it was written.")
    queue_id: UUID | None = Field(description="null: offered in every queue.")


class CannedReplies(schemas.Page[CannedReplyShape]):
    pass


class AttributeShape(BaseModel):
    key: str
    name: str
    kind: Literal["text", "number", "date", "yes_no", "list", "url", "email"]
    choices: list[str]
    pattern: str = Field(description="9 is a digit, A a letter, X either; | stands between two patterns.")
    required: bool


class Attributes(schemas.Page[AttributeShape]):
    pass


class SenderShape(BaseModel):
    id: UUID
    name: str
    address: str
    paused: str | None = Field(
        description="Why nothing goes out: credentials_refused, number_locked, daily_limit, sandbox_only, "
        "wrong_channel, or by_hand."
    )
    paused_code: int | None = Field(description="Twilio's code.")
    paused_at: datetime | None


class Senders(schemas.Page[SenderShape]):
    pass


class SettingFilter(schemas.Paged):
    pass


class CannedFilter(schemas.Paged):
    queue_id: schemas.Id | None = Field(
        default=None, description="Those offered in this queue: its own, and those of every queue."
    )


@router.get(
    "/queues",
    auth=Access(Scope.DESK, Scope.READ, query=SettingFilter),
    response={200: Queues},
    openapi_extra=openapi.codes(),
)
def list_queues(request: ApiRequest, filters: Query[SettingFilter]) -> HttpResponse:
    """The queues, with how many wait in each and what time does there."""
    rows = Queue.objects.for_organization(request.auth.organization)
    found, following = pages.page(rows, ("order", "pk"), filters, name="queues")
    lines = request.auth.conversations().queued().filter(queue__in=found).order_by()
    waiting = dict(lines.values("queue").annotate(count=Count("pk")).values_list("queue", "count"))
    items = [_queue(row, waiting.get(row.pk, 0)) for row in found]
    return render.document(Queues.model_construct(items=items, next=following))


@router.get(
    "/reasons",
    auth=Access(Scope.DESK, Scope.READ, query=SettingFilter),
    response={200: Reasons},
    openapi_extra=openapi.codes(),
)
def list_reasons(request: ApiRequest, filters: Query[SettingFilter]) -> HttpResponse:
    """How a service may end: the outcomes that a release accepts."""
    rows = Reason.objects.filter(organization=request.auth.organization, active=True)
    found, following = pages.page(rows, ("order", "pk"), filters, name="reasons")
    items = [ReasonShape.model_construct(code=row.code, labels=_texts(row.labels)) for row in found]
    return render.document(Reasons.model_construct(items=items, next=following))


@router.get(
    "/canned-replies",
    auth=Access(Scope.DESK, Scope.READ, query=CannedFilter),
    response={200: CannedReplies},
    openapi_extra=openapi.codes(),
)
def list_canned_replies(request: ApiRequest, filters: Query[CannedFilter]) -> HttpResponse:
    """What is written again and again, as it was set up."""
    rows = CannedReply.objects.filter(organization=request.auth.organization, active=True)
    if filters.queue_id:
        rows = rows.filter(Q(queue=None) | Q(queue__public_id=filters.queue_id))
    found, following = pages.page(
        rows.select_related("queue"), ("order", "code", "pk"), filters, name="canned"
    )
    items = [
        CannedReplyShape.model_construct(
            id=row.public_id,
            code=row.code,
            title=row.title,
            body=row.body,
            queue_id=row.queue.public_id if row.queue else None,
        )
        for row in found
    ]
    return render.document(CannedReplies.model_construct(items=items, next=following))


@router.get(
    "/contact-attributes",
    auth=Access(Scope.DESK, Scope.READ, query=SettingFilter),
    response={200: Attributes},
    openapi_extra=openapi.codes(),
)
def list_contact_attributes(request: ApiRequest, filters: Query[SettingFilter]) -> HttpResponse:
    """The attributes of contacts that may be corrected, and what may be in them."""
    rows = AttributeDefinition.objects.filter(organization=request.auth.organization, active=True)
    found, following = pages.page(rows, ("order", "name", "pk"), filters, name="attributes")
    items = [
        AttributeShape.model_construct(
            key=row.key,
            name=row.name,
            kind=row.kind,
            choices=row.options(),
            pattern=row.pattern,
            required=row.required,
        )
        for row in found
    ]
    return render.document(Attributes.model_construct(items=items, next=following))


@router.get(
    "/senders",
    auth=Access(Scope.DESK, Scope.READ, query=SettingFilter),
    response={200: Senders},
    openapi_extra=openapi.codes(),
)
def list_senders(request: ApiRequest, filters: Query[SettingFilter]) -> HttpResponse:
    """The company's WhatsApp numbers, and whether something goes out on them."""
    found, following = pages.page(reach.senders(request.auth), ("pk",), filters, name="senders")
    items = [_sender(row) for row in found]
    return render.document(Senders.model_construct(items=items, next=following))


@router.post(
    "/senders/{sender_id}/resume",
    auth=Access(Scope.DESK),
    response={200: SenderShape},
    openapi_extra=openapi.codes(),
)
def resume_sender(request: ApiRequest, sender_id: str, body: reach.Nothing = reach.NOTHING) -> HttpResponse:
    """Let what waits on a paused sender go out. Scope admin, or a supervisor. Not paused is 200, too."""
    return once.perform(request, lambda: _resume(request.auth, sender_id))


def _resume(caller: Caller, sender_id: str) -> HttpResponse:
    reach.supervised(caller)
    sender = reach.one(reach.senders(caller), sender_id)
    pauses.resume(sender, cause=caller.cause(), now=clock.now())
    sender.refresh_from_db()
    return render.document(_sender(sender))


def _queue(row: Queue, waiting: int) -> QueueShape:
    return QueueShape.model_construct(
        id=row.public_id,
        name=row.name,
        default=row.is_default,
        waiting=waiting,
        offers=row.auto_offer,
        offer_seconds=row.offer_seconds,
        waiting_minutes=row.waiting_minutes,
        waiting_then=row.waiting_then,
        first_reply_minutes=row.first_reply_minutes,
        silent_minutes=row.silent_minutes,
    )


def _sender(row: Sender) -> SenderShape:
    """A supervisor's own words for a pause stay with them."""
    why = row.paused if row.paused in set(Trouble) else "by_hand"
    return SenderShape.model_construct(
        id=row.public_id,
        name=row.name,
        address=row.address,
        paused=why if row.paused else None,
        paused_code=row.paused_code,
        paused_at=row.paused_at,
    )


def _texts(labels: Any) -> dict[str, str]:
    return {str(language): str(text) for language, text in labels.items()}
