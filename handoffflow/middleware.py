"""What every request passes: its id, the security headers, Twilio's short cut, the session's limits."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import BadRequest
from django.dispatch import receiver
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import resolve
from django.utils import translation
from django.utils.decorators import sync_and_async_middleware
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import page_not_found

from handoffflow import logs

GetResponse = Callable[[HttpRequest], HttpResponseBase]
Middleware = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]

_PRIVATE = ("/operator", "/admin", "/accounts", "/api", "/simulator")
_API = "/api/"
_TWILIO = "/api/twilio/"
_PROBES = {"/healthz", "/readyz", "/metrics"}
_TOUCH_SECONDS = 300
_NUL = "\x00"
_POLLS = re.compile(r"/operator/(?:list|stream|c/[0-9a-f-]{36}/thread)")
"""What an open console asks for by itself: nobody need be there."""


@sync_and_async_middleware
def request_id(get_response: Any) -> Middleware:
    """Name each request in the logs and in ``X-Request-Id``; a proxy's own id is kept when it is tame."""

    def begin(request: HttpRequest) -> str:
        given = request.headers.get("X-Request-Id", "")
        name = given if re.fullmatch(r"[A-Za-z0-9-]{8,64}", given) else uuid.uuid4().hex
        request.id = name  # type: ignore[attr-defined]  # for the line that Django writes about the answer
        return name

    def end(response: HttpResponseBase, name: str) -> HttpResponseBase:
        response["X-Request-Id"] = name
        if isinstance(response, StreamingHttpResponse) and response.is_async:
            response.streaming_content = _in_the_name_of(name, response.streaming_content)
        return response

    if iscoroutinefunction(get_response):

        async def named_async(request: HttpRequest) -> HttpResponseBase:
            name = begin(request)
            token = logs.request_id.set(name)
            try:
                response = cast(HttpResponseBase, await get_response(request))
            finally:
                logs.request_id.reset(token)
            return end(response, name)

        return named_async

    def named(request: HttpRequest) -> HttpResponseBase:
        name = begin(request)
        token = logs.request_id.set(name)
        try:
            response = cast(HttpResponseBase, get_response(request))
        finally:
            logs.request_id.reset(token)
        return end(response, name)

    return named


async def _in_the_name_of(name: str, content: Any) -> AsyncIterator[bytes]:
    """A stream's body runs when its request is over, in a task of its own: there the name may stay."""
    logs.request_id.set(name)
    async with aclosing(content):
        async for part in content:
            yield part


@sync_and_async_middleware
def security_headers(get_response: Any) -> Middleware:
    if iscoroutinefunction(get_response):

        async def guarded_async(request: HttpRequest) -> HttpResponseBase:
            return _guard(request, await get_response(request))

        return guarded_async

    def guarded(request: HttpRequest) -> HttpResponseBase:
        return _guard(request, get_response(request))

    return guarded


def content_security_policy() -> str:
    """No inline script, no inline style, no eval, nobody else's origin.

    The simulator's split view frames the console, and only it may.
    """
    policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
    ]
    if settings.SIMULATOR_ENABLED:
        return "; ".join([*policy, "frame-ancestors 'self'", "frame-src 'self'"])
    return "; ".join([*policy, "frame-ancestors 'none'"])


def _guard(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    headers = response.headers
    # A media file may carry a stricter policy of its own (sandbox).
    headers.setdefault("Content-Security-Policy", content_security_policy())
    headers.setdefault("X-Frame-Options", "SAMEORIGIN" if settings.SIMULATOR_ENABLED else "DENY")
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY or "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault(
        "Permissions-Policy", "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"
    )
    if request.path.startswith(_PRIVATE):
        headers.setdefault("Cache-Control", "no-store")
    if settings.SECURE_HSTS_SECONDS:
        # Django's own looks at the connection, which is plain http behind a reverse proxy.
        headers.setdefault("Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}")
    return response


@sync_and_async_middleware
def fast_path(get_response: Any) -> Middleware:
    """Twilio's doors and the probes need no session, language or user: go straight to the view.

    They ask for no particular host either: a probe calls the machine by its address, and Twilio's
    signature is made over ``APP_URL``.
    """
    if iscoroutinefunction(get_response):

        async def passed_on(request: HttpRequest) -> HttpResponseBase:
            return cast(HttpResponseBase, await get_response(request))

        return passed_on

    def short_cut(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(_TWILIO) and request.path_info not in _PROBES:
            return cast(HttpResponseBase, get_response(request))
        match = resolve(request.path_info)
        request.resolver_match = match
        # Threads are reused: the language of the operator served before must not leak into this.
        with translation.override(settings.LANGUAGE_CODE):
            return cast(HttpResponseBase, match.func(request, *match.args, **match.kwargs))

    return short_cut


class ReadableText(MiddlewareMixin):
    """Forget cookies with a NUL, and answer 400 to an address with one, which PostgreSQL would not take.

    What is typed into a form stays: each form says itself what it makes of it. So does the API.
    """

    def process_request(self, request: HttpRequest) -> None:
        for name in [name for name, value in request.COOKIES.items() if _NUL in value]:
            del request.COOKIES[name]

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        """Late enough for the page that says so to speak the reader's language."""
        if request.path_info.startswith(_API) or "%00" not in request.META.get("QUERY_STRING", ""):
            return
        if any(_NUL in text for name, values in request.GET.lists() for text in (name, *values)):
            raise BadRequest("NUL in the address")


class SessionLimits(MiddlewareMixin):
    """A session ends 12 hours after the login, and earlier when nothing was asked of it for two."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        now = int(time.time())
        session = request.session
        began, seen = session.get("began"), session.get("seen")
        if began is None or seen is None:
            return None
        if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS:
            session.flush()
        elif now - seen > _TOUCH_SECONDS and not _POLLS.fullmatch(request.path_info):
            session["seen"] = now
        return None


class OwnNotFound(MiddlewareMixin):
    """With DEBUG, where somebody tries the product out, a wrong address still gets the product's page.

    Django's own for developers lists every address there is, and its inline style is against the policy.
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return page_not_found(request, exception) if isinstance(exception, Http404) else None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code == 404 and request.resolver_match is None:
            return page_not_found(request, Http404())
        return response


@receiver(user_logged_in, dispatch_uid="handoffflow.session_limits")
def _note_login(request: HttpRequest | None, **kwargs: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session["began"] = request.session["seen"] = int(time.time())
