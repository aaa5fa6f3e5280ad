"""One conversation: see it, take it, answer in it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations import choices, clock, delivery, uploads
from conversations.contract import Cause
from conversations.models import Conversation, Message
from operators import desk, forms, http, reading, writing
from operators.http import OperatorRequest, operator_required
from operators.views import failures, gone, markup, pages, panes, templates, wording
from operators.views.refusals import refusable


@operator_required
@require_GET
def page(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """``?before=`` is an older page of the thread (``from=``: no further back than this), ``?at=`` a message or a note
    to begin at, ``?seen=`` how far a browser without script has shown it."""
    try:
        conversation = pages.find(request, public_id)
    except Http404:
        return pages.goes_on(request, public_id)
    now = clock.now()
    before = forms.number(request.GET.get("before"))
    seen = forms.number(request.GET.get("seen"))
    if seen:
        reading.mark_seen(conversation, operator=request.operator, seq=min(seen, conversation.seq))
    if http.wants_fragment(request):
        if before:
            after = forms.number(request.GET.get("from"))
            items, older = panes.older_items(conversation, request.operator, before, now, after=after)
            told = {"items": items, "older": older, "id": str(public_id), "after": after}
            return render(request, "operator/_older.html", told)
        return pages.show(request, conversation)
    context = pages.full_context(request, conversation, now)
    if before:
        items, older = panes.older_items(conversation, request.operator, before, now)
        context |= {"earlier": items, "earlier_older": older}
    return render(request, "operator/console.html", context)


@operator_required
@require_GET
def thread(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """What brings the open conversation up to date; 304 while it is. One that goes on in another is left for that, and
    one that has gone where they see nothing for a card."""
    try:
        conversation = pages.find(request, public_id)
    except Http404:
        return gone.away(request, public_id)
    now = clock.now()
    told = request.GET
    if told.get("dock") == gone.CARD and http.wants_fragment(request):
        return gone.back(request, conversation)
    shown = told.get("after"), told.get("new"), told.get("dock")
    tag = http.etag(panes.validator(conversation, request.operator, now), shown)
    response = http.unchanged(request, tag)
    if response is None:
        context = pages.update_context(request, conversation, now)
        response = render(request, "operator/_update.html", context)
        response["X-Seq"] = str(context["pane"].seq)
    response["ETag"] = tag
    return response


@operator_required
@require_POST
@refusable
def claim(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    desk.claim(conversation, operator=request.operator, door="panel", now=clock.now())
    return pages.show(request, conversation)


@operator_required
@require_POST
@refusable
def decline(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Not for me: the chat waits for anybody. The list is asked for again, and the chat drawn where it is open."""
    conversation = pages.find(request, public_id)
    desk.decline(conversation, operator=request.operator, door="panel", now=clock.now())
    if not http.wants_fragment(request):
        return http.SeeOther(reverse("operator-queue"))
    left = Conversation.objects.visible_to(request.operator).filter(pk=conversation.pk).exists()
    response = pages.answer(request, public_id) if left else HttpResponse()
    response["HX-Trigger"] = "console:moved"
    return response


@operator_required
@require_POST
@refusable
def send(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    if "template" in request.POST:
        return templates.send(request, conversation)
    form = forms.ReplyForm.read(request.POST)
    with uploads.taken(request.FILES.get("file")) as upload:
        writing.reply(
            conversation,
            operator=request.operator,
            body=form.body,
            epoch=conversation.epoch if form.epoch is None else form.epoch,
            client_key=form.client_key,
            seen=form.draft,
            now=clock.now(),
            upload=upload,
            offered=choices.offered(form.buttons, conversation.contact.language) if form.buttons else None,
        )
    return pages.answer(request, public_id)


@operator_required
@require_POST
def seen(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    conversation = pages.find(request, public_id)
    shown = min(forms.number(request.POST.get("seq")), conversation.seq)
    reading.mark_seen(conversation, operator=request.operator, seq=shown)
    return HttpResponse(status=204)


@operator_required
@require_POST
def unread(request: OperatorRequest, public_id: UUID) -> HttpResponse:
    """Not read after all: the chat closes, for as long as it is open it would be read again."""
    conversation = pages.find(request, public_id)
    if not reading.mark_unread(conversation, operator=request.operator):
        raise Http404
    return pages.home(request, _("Marked as unread."))


@operator_required
@require_http_methods(["GET", "HEAD", "POST"])
@refusable
def retry(request: OperatorRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    """GET asks first: what nobody has confirmed may be with the customer already."""
    message = _mine(request, public_id, message_id)
    if request.method != "POST":
        return _ask_first(request, message)
    unconfirmed = request.POST.get("unconfirmed") == "1"
    delivery.retry(message, cause=_cause(request), now=clock.now(), unconfirmed=unconfirmed)
    response = pages.answer(request, public_id)
    response["HX-Trigger"] = "console:done"
    return response


def _ask_first(request: OperatorRequest, message: Message) -> HttpResponse:
    now = clock.now()
    if not failures.in_doubt(message, now):
        raise delivery.NotRetryable
    public_id = str(message.conversation.public_id)
    name = wording.first_name(wording.contact_name(message.conversation))
    context = {"id": public_id, "message": message, "text": markup.html(message.body), "first_name": name}
    if http.wants_fragment(request):
        return render(request, "operator/_again.html", context)
    return render(request, "operator/again.html", pages.home_context(request, now, public_id) | context)


@operator_required
@require_POST
@refusable
def discard(request: OperatorRequest, public_id: UUID, message_id: UUID) -> HttpResponse:
    delivery.discard(_mine(request, public_id, message_id), cause=_cause(request), now=clock.now())
    return pages.answer(request, public_id)


def _mine(request: OperatorRequest, public_id: UUID, message_id: UUID) -> Message:
    """A message of a conversation that this operator holds."""
    conversation = pages.find(request, public_id)
    if conversation.operator_id != request.operator.pk:
        raise Http404
    found = Message.objects.filter(conversation=conversation, public_id=message_id)
    message = found.select_related("conversation__contact", "delivery").first()
    if message is None:
        raise Http404
    return message


def _cause(request: OperatorRequest) -> Cause:
    return desk.cause(request.operator, "panel")
