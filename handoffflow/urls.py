"""The product's table of contents."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from handoffflow import health

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url=settings.LOGIN_REDIRECT_URL)),
    path("healthz", health.alive),
    path("readyz", health.ready),
]
