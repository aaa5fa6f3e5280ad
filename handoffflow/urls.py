"""The product's table of contents."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from handoffflow import health


def _built(module: str) -> bool:
    place = settings.BASE_DIR.joinpath(*module.split("."))
    return bool(place.with_suffix(".py").exists() or (place / "__init__.py").exists())


def _part(prefix: str, module: str) -> list[URLPattern | URLResolver]:
    """A part of the product, once it is there."""
    if not _built(module) or not hasattr(import_module(module), "urlpatterns"):
        return []
    return [path(prefix, include(module))]


urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url=settings.LOGIN_REDIRECT_URL)),
    path("admin/", admin.site.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
    *_part("api/twilio/", "conversations.urls"),
    *_part("accounts/", "operators.views.accounts"),
    *_part("operator/", "operators.urls"),
]

if _built("handoffflow.api") and hasattr(import_module("handoffflow.api"), "urls"):
    urlpatterns += [path("api/v1/", import_module("handoffflow.api").urls)]
if settings.SIMULATOR_ENABLED:
    if _built("handoffflow.clock_door"):
        urlpatterns += [path("simulator/advance/", import_module("handoffflow.clock_door").advance)]
    urlpatterns += _part("simulator/", "handoffflow.simulator.urls")
