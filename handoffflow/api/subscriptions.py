"""Who is told of events: made, changed, let go on, and what became of what they were told."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from ninja import Query, Router

from conversations import audit, clock, outward
from handoffflow.api import once, openapi, pages, reach, render, wire
from handoffflow.api import subscription_shapes as shapes
from handoffflow.api.auth import Access, ApiRequest, Caller
from handoffflow.api.errors import Refused
from handoffflow.models import Scope
from handoffflow.subscriptions import Notice, Pause, Subscription
from handoffflow.webhooks import keeping

router = Router(tags=["webhooks"])
_ONE = "/subscriptions/{subscription_id}"


@router.get(
    "/subscriptions",
    auth=Access(Scope.ADMIN, query=shapes.SubscriptionFilter),
    response={200: shapes.Subscriptions},
    openapi_extra=openapi.codes(),
)
def list_subscriptions(request: ApiRequest, filters: Query[shapes.SubscriptionFilter]) -> HttpResponse:
    """All of them, the youngest first."""
    rows, following = pages.page(_mine(request.auth), ("-pk",), filters, name="subscriptions")
    shown = shapes.Subscriptions.model_construct(items=[shapes.shown(row) for row in rows], next=following)
    return render.document(shown)


@router.post(
    "/subscriptions",
    auth=Access(Scope.ADMIN),
    response={201: shapes.Made},
    openapi_extra=openapi.codes("too_many_subscriptions", "not_found"),
)
def make_subscription(request: ApiRequest, body: shapes.Subscribe) -> HttpResponse:
    """Be told of what happens from now on. The answer has the secret, and no other does."""
    return once.perform(request, lambda: _make(request.auth, body), sealed=True)


@router.get(
    _ONE,
    auth=Access(Scope.ADMIN),
    response={200: shapes.Subscription},
    openapi_extra=openapi.codes("not_found"),
)
def get_subscription(request: ApiRequest, subscription_id: str) -> HttpResponse:
    """One subscription, and whether it is paused."""
    return render.document(shapes.shown(_one(request.auth, subscription_id)))


@router.patch(
    _ONE,
    auth=Access(Scope.ADMIN),
    response={200: shapes.Subscription},
    openapi_extra=openapi.written("not_found"),
)
def change_subscription(request: ApiRequest, subscription_id: str, body: shapes.Change) -> HttpResponse:
    """Change what is given. `active` true lets it go on where it was, false stops it; another `secret` signs now."""
    row = _one(request.auth, subscription_id)
    _change(row, body, request.auth)
    return render.document(shapes.shown(_one(request.auth, subscription_id)))


@router.delete(
    _ONE,
    auth=Access(Scope.ADMIN),
    response={204: None},
    openapi_extra=openapi.written("not_found"),
)
def delete_subscription(request: ApiRequest, subscription_id: str) -> HttpResponse:
    """It is told nothing more, not even what waits. Its log goes with it."""
    row = _one(request.auth, subscription_id)
    with transaction.atomic():
        _note(request.auth, "subscription.deleted", row)
        row.delete()
    return HttpResponse(status=204)


@router.get(
    f"{_ONE}/deliveries",
    auth=Access(Scope.ADMIN, query=shapes.DeliveryFilter),
    response={200: shapes.Deliveries},
    openapi_extra=openapi.codes("not_found"),
)
def list_deliveries(
    request: ApiRequest, subscription_id: str, filters: Query[shapes.DeliveryFilter]
) -> HttpResponse:
    """What it was or is to be told, the youngest first. What is settled is kept for seven days."""
    row = _one(request.auth, subscription_id)
    rows = Notice.objects.filter(subscription=row).select_related("conversation")
    if filters.state:
        rows = rows.filter(state=filters.state)
    found, following = pages.page(rows, ("-pk",), filters, name=f"deliveries {row.public_id}")
    shown = [shapes.delivery(one) for one in found]
    return render.document(shapes.Deliveries.model_construct(items=shown, next=following))


@router.post(
    f"{_ONE}/deliveries/{{delivery_id}}/replay",
    auth=Access(Scope.ADMIN),
    response={200: shapes.Delivery},
    openapi_extra=openapi.codes("not_found"),
)
def replay_delivery(
    request: ApiRequest, subscription_id: str, delivery_id: str, body: reach.Nothing
) -> HttpResponse:
    """Tell it once more, under the same id. One that is on its way stays so."""
    return once.perform(request, lambda: _replay(request.auth, subscription_id, delivery_id))


@router.post(
    f"{_ONE}/replay",
    auth=Access(Scope.ADMIN),
    response={200: shapes.Replayed},
    openapi_extra=openapi.codes("not_found"),
)
def replay_failed(request: ApiRequest, subscription_id: str, body: reach.Nothing) -> HttpResponse:
    """Tell everything that was given up."""

    def act() -> HttpResponse:
        row = _one(request.auth, subscription_id)
        count = keeping.replay_failed(row, clock.now())
        return render.document(shapes.Replayed.model_construct(count=count))

    return once.perform(request, act)


@router.post(
    f"{_ONE}/test",
    auth=Access(Scope.ADMIN),
    response={202: shapes.Delivery},
    openapi_extra=openapi.codes("not_found"),
)
def test_subscription(request: ApiRequest, subscription_id: str, body: reach.Nothing) -> HttpResponse:
    """Post something that tells of nothing, to see it arrive."""

    def act() -> HttpResponse:
        row = _one(request.auth, subscription_id)
        return render.document(shapes.delivery(keeping.try_out(row, clock.now())), status=202)

    return once.perform(request, act)


# Acts ----------------------------------------------------------------------------------------


def _make(caller: Caller, body: shapes.Subscribe) -> HttpResponse:
    _check(body.url)
    _mine(caller)
    try:
        with transaction.atomic():
            made = keeping.make(
                caller.organization,
                name=body.name,
                url=body.url,
                kinds=body.events,
                secret=body.secret or "",
                now=clock.now(),
            )
            _note(caller, "subscription.added", made)
    except keeping.TooMany:
        raise Refused("too_many_subscriptions", limit=keeping.MOST) from None
    return render.document(shapes.made(made), status=201)


def _change(row: Subscription, body: shapes.Change, caller: Caller) -> None:
    given: dict[str, Any] = body.model_dump(exclude_unset=True, exclude={"active"})
    if empty := [name for name in sorted(body.model_fields_set) if getattr(body, name) is None]:
        raise Refused("invalid", [(name, "type") for name in empty])
    if "url" in given:
        _check(given["url"])
    changes = {"kinds" if name == "events" else name: value for name, value in given.items()}
    with transaction.atomic():
        for name, value in changes.items():
            setattr(row, name, value)
        columns = {"secret_encrypted" if name == "secret" else name for name in changes}
        if columns:
            row.save(update_fields=columns)
            _note(caller, "subscription.changed", row, fields=sorted(changes))
        if body.active is True:
            keeping.resume(row, clock.now(), caller.cause())
        elif body.active is False:
            keeping.pause(Subscription.objects.filter(pk=row.pk), Pause.BY_HAND, clock.now(), caller.cause())


def _replay(caller: Caller, subscription_id: str, delivery_id: str) -> HttpResponse:
    row = _one(caller, subscription_id)
    notices = Notice.objects.filter(subscription=row).select_related("conversation")
    found = notices.filter(public_id=delivery_id).first() if wire.is_id(delivery_id) else None
    if found is None:
        raise Refused("not_found")
    keeping.replay(found, clock.now())
    return render.document(shapes.delivery(notices.get(pk=found.pk)))


def _mine(caller: Caller) -> Any:
    reach.company_wide(caller)
    return Subscription.objects.for_organization(caller.organization)


def _one(caller: Caller, subscription_id: str) -> Subscription:
    rows = _mine(caller)
    found: Subscription | None = (
        rows.filter(public_id=subscription_id).first() if wire.is_id(subscription_id) else None
    )
    if found is None:
        raise Refused("not_found")
    return found


def _check(url: str) -> None:
    try:
        outward.checked(url)
    except outward.AddressRefused as refused:
        raise Refused("invalid", [("url", refused.code)]) from None


def _note(caller: Caller, action: str, row: Subscription, **data: Any) -> None:
    audit.note(
        action,
        cause=caller.cause(),
        organization=caller.organization.pk,
        subject=row,
        now=clock.now(),
        **data,
    )
