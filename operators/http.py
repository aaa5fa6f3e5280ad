"""What the doors of the console share: who asks, in which language and zone, and for how much of a page."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Concatenate, ParamSpec, cast

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.utils import timezone, translation

from operators.models import Operator

P = ParamSpec("P")


class OperatorRequest(HttpRequest):
    operator: Operator


class SeeOther(HttpResponseRedirect):
    """After a form: reloading the page that follows does not send it again."""

    status_code = 303


View = Callable[Concatenate[OperatorRequest, P], HttpResponseBase]


def operator_required(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let operators in, with their language and time zone.

    A page sends anybody else to the login. A fragment answers 401 with a bar instead: followed by the
    browser, a redirect would put the login page inside the console.
    """

    @functools.wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, Operator):
            if wants_fragment(request):
                return render(request, "operator/_expired.html", {"back": _page(request)}, status=401)
            login = redirect_to_login(request.get_full_path() if request.method == "GET" else "/operator/")
            if settings.SESSION_COOKIE_NAME in request.COOKIES:
                login["Location"] += "&expired=1"
            return login
        asking = cast(OperatorRequest, request)
        asking.operator = user
        with speaking(user.reads(language()), user.zone):
            return view(asking, *args, **kwargs)

    return guarded


def supervisor_required(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """As ``operator_required``; the page does not exist for whoever is no supervisor."""

    @operator_required
    @functools.wraps(view)
    def guarded(request: OperatorRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.operator.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx (or our own polling, which sends its header) asks for a piece of the page it stands on."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def _page(request: HttpRequest) -> str:
    """The page of the console that a fragment was asked for from: where the login leads back to."""
    _origin, found, rest = request.headers.get("Referer", "").partition("/operator/")
    return found + rest.partition("?")[0] if found else "/operator/"


def etag(*parts: Any) -> str:
    """A weak validator of what a fragment would show; ``parts`` need a stable ``repr``."""
    return f'W/"{blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"'


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """304 when the asker shows this very state already."""
    if request.headers.get("If-None-Match") != tag:
        return None
    answer = HttpResponseNotModified()
    answer["ETag"] = tag
    return answer


def language() -> str:
    """What this request is answered in, unless the operator chose otherwise."""
    return translation.get_language() or settings.LANGUAGE_CODE


@contextmanager
def speaking(language: str, zone: str) -> Iterator[None]:
    """Words and times of what is drawn inside."""
    with translation.override(language), timezone.override(zoneinfo.ZoneInfo(zone)):
        yield
