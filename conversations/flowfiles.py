"""The two Studio flows that come with the product, for this installation. Pure but for the files and ``APP_URL``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings

FOLDER = Path(__file__).with_name("flows")
WAYS = {"in-front": "in_front", "behind": "behind"}
"""Where this product stands: in front of Studio, or behind it."""
PLACE = "https://DESK_HOST"


def document(way: str) -> dict[str, Any]:
    """The flow definition, its addresses those of this installation; KeyError for a way that is none."""
    text = (FOLDER / f"{WAYS[way]}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    filled: dict[str, Any] = _filled(found)
    return filled


def text(way: str) -> str:
    """As Studio's *Import from JSON* takes it."""
    return json.dumps(document(way), ensure_ascii=False, indent=1) + "\n"


def _filled(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _filled(value) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(one) for one in part]
    return part.replace(PLACE, settings.APP_URL.rstrip("/")) if isinstance(part, str) else part
