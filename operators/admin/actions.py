"""What a supervisor does about conversations: through the desk, after a page that asks, fenced by what it showed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conversations import clock, errors
from conversations.admin import scope
from conversations.models import Conversation
from operators.admin import forms

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Page = ModelAdmin[Any]

MOST = 50
"""Conversations that one page asks about: as many as a list shows."""
TEMPLATE = "admin/conversations/conversation/act.html"


def _asks(form: type[forms.Act], description: Any) -> Callable[..., Any]:
    def action(page: Page, request: HttpRequest, queryset: Any) -> Any:
        return run(page, request, queryset, form)

    named: Any = action
    named.__name__ = form.name
    named.short_description, named.allowed_permissions = description, ("act",)
    return action


def run(page: Page, request: HttpRequest, queryset: Any, act: type[forms.Act]) -> Any:
    """Ask, or do it and say what came of it. None leads back to where the list was."""
    confirmed = "confirmed" in request.POST
    form = act(request.POST if confirmed else None, supervisor=request.user)
    chosen = list(queryset[:MOST])
    if confirmed and form.is_valid():
        _do(request, form, chosen)
        return None
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": act.title,
        "act": form,
        "chosen": [(one, _seen(request, one)) for one in chosen],
        "action": act.name,
        "selected": ACTION_CHECKBOX_NAME,
        "media": page.media,
    }
    return TemplateResponse(request, TEMPLATE, context)


def _seen(request: HttpRequest, conversation: Conversation) -> str:
    """What the page shows of it, kept when it has to be filled in again."""
    shown = f"{conversation.pk}:{conversation.epoch}:{conversation.seq}"
    return _fences(request).get(conversation.pk, (shown,))[0]


def _fences(request: HttpRequest) -> dict[int, tuple[str, int, int]]:
    found = {}
    for shown in request.POST.getlist("seen"):
        parts = shown.split(":")
        if len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
            pk, epoch, seq = map(int, parts)
            found[pk] = (shown, epoch, seq)
    return found


def _do(request: HttpRequest, form: forms.Act, chosen: list[Conversation]) -> None:
    fences, by, done = _fences(request), scope.cause(request), 0
    refused: Counter[str] = Counter()
    for conversation in chosen:
        if conversation.pk not in fences:
            continue  # not on the page that asked
        _shown, epoch, seq = fences[conversation.pk]
        try:
            form.act(conversation, epoch=epoch, seq=seq, by=by, now=clock.now())
            done += 1
        except errors.HandoffError as error:
            refused[_why(error)] += 1
    if done:
        messages.success(request, form.told(done))
    for why, count in refused.items():
        words = ngettext(
            "%(count)d conversation stays as it was: %(why)s",
            "%(count)d conversations stay as they were: %(why)s",
            count,
        )
        messages.warning(request, words % {"count": count, "why": why})


def _why(error: errors.HandoffError) -> str:
    return {
        "at_capacity": _("there is no free place."),
        "agent_unavailable": _("this person is not available now."),
        "stale_epoch": _("it has just changed hands. Look at it before you decide."),
        "merged": _("it goes on in another one of the same person."),
        "not_human": _("nobody is serving it."),
        "not_yours": _("somebody else has it now."),
        "already_claimed": _("somebody else has it now."),
        "unread_message": _("the customer has written in the meantime. Read it first."),
        "outcome_required": _("this reason is no longer offered."),
    }.get(error.code) or _("it is not possible now (%(code)s).") % {"code": error.code}


OFFERED = (
    _asks(forms.Assign, gettext_lazy("Assign to an operator…")),
    _asks(forms.TakeAway, gettext_lazy("Take away and put back in the queue…")),
    _asks(forms.Transfer, gettext_lazy("Transfer…")),
    _asks(forms.Finish, gettext_lazy("Finish the service…")),
)
