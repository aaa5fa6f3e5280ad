"""The simulator alone, which the settings of the suite leave out of the product's table."""

from __future__ import annotations

from django.urls import include, path

from handoffflow import clock_door

urlpatterns = [
    path("simulator/advance/", clock_door.advance),
    path("simulator/", include("handoffflow.simulator.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
]
