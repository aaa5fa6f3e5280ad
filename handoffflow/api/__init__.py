"""The REST API under /api/v1: the table of contents."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from handoffflow.api import (
    contacts,
    conversations,
    docs,
    errors,
    events,
    handoffs,
    inbound,
    limits,
    media,
    messages,
    moving,
    notes,
    openapi,
    people,
    reading,
    sends,
    setup,
    subscriptions,
    tags,
    team,
    templates,
    wire,
)

View = Callable[..., HttpResponseBase]


class Api(NinjaAPI):
    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        return self._schema

    @functools.cached_property
    def _schema(self) -> OpenAPISchema:
        schema = super().get_openapi_schema()
        openapi.complete(schema)
        return schema


api = Api(
    title=f"{settings.APP_NAME} API",
    version="1",
    parser=wire.ReadyParser(),
    docs=docs.Page(),
    docs_url="/docs",
    openapi_url="/openapi.json",
    urls_namespace="api-1",
)
for _subject in (
    *(conversations, reading, handoffs, moving, messages, media, sends, templates),
    *(notes, tags, people, contacts, team, setup, inbound, events, subscriptions),
):
    api.add_router("", _subject.router)
for _kind in (Exception, *api._exception_handlers):
    api.add_exception_handler(_kind, errors.answer)


def _in_our_words(view: View, *, name: str | None) -> View:
    """A wrong method is a problem document as well. Access asks for the CSRF token, and of sessions only."""

    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if name in {"openapi-json", "openapi-view"} and request.method not in {"GET", "HEAD"}:
            response: HttpResponseBase = HttpResponseNotAllowed(["GET", "HEAD"])
        else:
            response = view(request, *args, **kwargs)
            limits.tell(request, response)
        if response.status_code != 405:
            return response
        refusal = errors.respond("method_not_allowed")
        refusal["Allow"] = response["Allow"]
        return refusal

    answered.csrf_exempt = True  # type: ignore[attr-defined]
    return answered


def _nothing_here(_request: HttpRequest) -> HttpResponse:
    return errors.respond("not_found")


_nothing_here.csrf_exempt = True  # type: ignore[attr-defined]


def _patterns() -> list[URLPattern | URLResolver]:
    patterns: list[URLPattern | URLResolver] = []
    for pattern in api.urls[0]:
        # Ninja reverses "api-root" to learn where the API stands; nobody is served there.
        if isinstance(pattern, URLPattern) and pattern.name != "api-root":
            pattern.callback = _in_our_words(pattern.callback, name=pattern.name)
            patterns.append(pattern)
    return [*patterns, re_path(r"^$", _nothing_here, name="api-root"), re_path("", _nothing_here)]


urls = (_patterns(), "ninja", "api-1")
