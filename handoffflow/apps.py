from __future__ import annotations

from django.apps import AppConfig


class HandoffFlowConfig(AppConfig):
    name = "handoffflow"
    label = "handoffflow"
    verbose_name = "HandoffFlow"

    def ready(self) -> None:
        from handoffflow import checks  # noqa: F401
