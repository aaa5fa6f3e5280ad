from __future__ import annotations

from django.apps import AppConfig

WORK = ("handoffflow.webhooks.following", "handoffflow.webhooks.telling")
"""What the worker does for integrations, beside what it does for the engine and the desk."""


class HandoffFlowConfig(AppConfig):
    name = "handoffflow"
    label = "handoffflow"
    verbose_name = "HandoffFlow"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from conversations import work
        from handoffflow import checks, postgresql, supervisors  # noqa: F401
        from handoffflow.webhooks import banners  # noqa: F401

        postgresql.listen()
        post_migrate.connect(supervisors.keep_group, sender=self, dispatch_uid="handoffflow.supervisors")
        work.MODULES.extend(module for module in WORK if module not in work.MODULES)
