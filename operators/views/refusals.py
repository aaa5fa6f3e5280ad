"""The one place where the console says no: a sentence, the right status, and nothing typed is lost."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, cast
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import clock, errors
from operators import http
from operators.http import OperatorRequest, P
from operators.views import pages, wording


def refusable(
    view: Callable[Concatenate[OperatorRequest, P], HttpResponse],
) -> Callable[Concatenate[OperatorRequest, P], HttpResponse]:
    """Answer what the engine refuses about one conversation with that conversation as it is now."""

    @functools.wraps(view)
    def guarded(request: OperatorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except errors.HandoffError as error:
            return _refuse(request, cast(UUID, kwargs["public_id"]), error)

    return guarded


def _refuse(request: OperatorRequest, public_id: UUID, error: errors.HandoffError) -> HttpResponse:
    """htmx gets the parts that changed and the reason; a plain form its whole page, with the text still in it."""
    now = clock.now()
    conversation = pages.find(request, public_id)
    text = sentence(error)
    typed = request.POST.get("body") or request.POST.get("note") or ""
    if http.wants_fragment(request):
        context = pages.update_context(request, conversation, now)
        kept = {"reason": text, "draft": typed}
        response = render(request, "operator/_refused.html", context | kept, status=error.status)
        response["HX-Trigger"] = "console:refused"
        return response
    context = pages.full_context(request, conversation, now)
    kept = {"reason": text, "draft": typed}
    same_key = request.POST.get("client_key") if not isinstance(error, errors.KeyReused) else None
    kept["client_key"] = same_key or context["pane"].client_key
    return render(request, "operator/console.html", context | kept, status=error.status)


def sentence(error: errors.HandoffError) -> str:
    """Names the cause and the way out."""
    holder = error.extras.get("operator")
    if isinstance(error, errors.AlreadyClaimed | errors.NotYours) and holder:
        return _("%(name)s is already on it") % {"name": wording.first_name(holder.shown_name)} + "."
    if isinstance(error, errors.AtCapacity):
        return (
            ngettext(
                "You already have %(limit)s chat. Finish it before taking the next.",
                "You already have %(limit)s chats. Finish one before taking the next.",
                error.extras["limit"],
            )
            % error.extras
        )
    if isinstance(error, errors.FileRefused):
        return _files()[error.extras["reason"]] % error.extras
    if isinstance(error, errors.MessageTooLong):
        return _("The message is too long: up to %(limit)s characters.") % error.extras
    if isinstance(error, errors.MentionRefused) and error.extras["name"]:
        return (
            _("%(name)s may not see this chat and would not be told. Take out the @, or transfer the chat.")
            % error.extras
        )
    if isinstance(error, errors.PinsFull):
        return _("%(limit)s notes are pinned already. Unpin one of them first.") % error.extras
    return _sentences().get(error.code) or _("That was not possible. Reload the page and try again.")


def _files() -> dict[str, str]:
    return {
        "empty": _("The file is empty."),
        "too_big": _("The file is too large for WhatsApp: up to %(limit)s MB of this kind."),
        "kind": _("WhatsApp does not take files of this kind."),
        "voice": _(
            "This browser records in a form that WhatsApp does not take, and this server cannot convert it."
        ),
        "buttons": _("A file and buttons do not fit into one message: send one after the other."),
        "broken": _("The recording cannot be read. Record it again."),
    }


def _sentences() -> dict[str, str]:
    return {
        "agent_unavailable": _("Your access cannot take chats now. Ask your supervisor."),
        "mention_refused": _("A whisper is for one person: nobody else can be mentioned in it."),
        "not_to_pin": _("A whisper cannot be pinned: everybody would read it."),
        "stale_epoch": _("This chat has just changed hands. See how it is now before you go on."),
        "merged": _("This chat goes on in another one of the same person."),
        "cannot_merge": _("These two chats cannot be one: one of them was merged already."),
        "not_merged": _("These two chats have been taken apart already."),
        "not_human": _("Nobody is serving this chat now. Take it to reply."),
        "not_waiting": _("This chat is no longer waiting."),
        "with_bot": _("The bot has this chat. Take over to reply."),
        "window_closed": _("The 24-hour window has closed") + ".",
        "invalid_choices": _("A button says up to 20 characters, and no two say the same."),
        "invalid_number": _("Write the number with its country code, for example +55 11 98765-4321."),
        "consent_required": _("Nobody is written to who has not agreed to it."),
        "waits_in_queue": _("This person already waits in the queue: take the chat there."),
        "unknown_template": _("This template is no longer offered. Choose another."),
        "template_refused": _("WhatsApp does not take this template now. Choose another."),
        "opted_out": _("The customer asked not to receive messages."),
        "empty_message": _("Write something to send."),
        "idempotency_mismatch": _("That message had already been sent with another text. Send it again."),
        "already_settled": _("This message has been settled in the meantime."),
        "not_retryable": _("Sending it again would not change the result."),
        "outcome_required": _("Choose how it ended."),
        "unread_message": _("A new message came in before you finished."),
    }
