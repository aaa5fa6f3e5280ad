from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def product(request: HttpRequest) -> dict[str, Any]:
    return {
        "app_name": settings.APP_NAME,
        "simulator_enabled": settings.SIMULATOR_ENABLED,
        "demo": settings.DEBUG and settings.SIMULATOR_ENABLED,
    }
