"""The product's table of contents."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from handoffflow import api, clock_door, health, metrics

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url=settings.LOGIN_REDIRECT_URL)),
    path("accounts/", include("operators.views.accounts")),
    path("operator/", include("operators.urls")),
    path("admin/", admin.site.urls),
    path("api/twilio/", include("conversations.urls")),
    path("api/v1/", api.urls),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("metrics", metrics.expose),
]

if settings.SIMULATOR_ENABLED:
    urlpatterns += [
        path("simulator/advance/", clock_door.advance),
        path("simulator/", include("handoffflow.simulator.urls")),
    ]
