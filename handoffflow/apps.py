from __future__ import annotations

from django.apps import AppConfig


class HandoffFlowConfig(AppConfig):
    name = "handoffflow"
    label = "handoffflow"
    verbose_name = "HandoffFlow"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from handoffflow import checks, supervisors  # noqa: F401

        post_migrate.connect(supervisors.keep_group, sender=self, dispatch_uid="handoffflow.supervisors")
