from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

WORK = (
    "operators.routing",
    "operators.absence",
    "operators.calling",
    "operators.mailing",
    "operators.drafts",
)
"""What the worker does for the desk, beside the engine's own."""


class OperatorsConfig(AppConfig):
    name = "operators"
    verbose_name = _("Operators")

    def ready(self) -> None:
        from conversations import work

        work.MODULES.extend(module for module in WORK if module not in work.MODULES)
