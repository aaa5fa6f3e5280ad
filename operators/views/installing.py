"""What a browser reads to install the console and to be called while it is closed. Nothing of it is secret."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

COLOUR, GROUND = "#0E221C", "#EFF3F1"
SIZES = (192, 512)


@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """Served from here and not from the static files: what it may do reaches as far as its own address."""
    return HttpResponse(_source(), content_type="text/javascript; charset=utf-8")


@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    home = reverse("operator-queue")
    told: dict[str, Any] = {
        "id": home,
        "name": settings.APP_NAME,
        "short_name": settings.APP_NAME[:12],
        "description": _("Customers who wrote on WhatsApp and wait for a person."),
        "lang": translation.get_language(),
        "start_url": home,
        "scope": home,
        "display": "standalone",
        "theme_color": COLOUR,
        "background_color": GROUND,
        "icons": [_icon(size, purpose) for purpose in ("any", "maskable") for size in SIZES],
        "shortcuts": [{"name": _("Take next"), "url": f"{home}#take-next", "icons": [_icon(192, "any")]}],
    }
    return HttpResponse(json.dumps(told, ensure_ascii=False), content_type="application/manifest+json")


def _icon(size: int, purpose: str) -> dict[str, str]:
    name = f"icons/{'maskable' if purpose == 'maskable' else 'icon'}-{size}.png"
    return {"src": static(name), "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}


@functools.cache
def _source() -> str:
    return Path(str(finders.find("js/sw.js"))).read_text()
