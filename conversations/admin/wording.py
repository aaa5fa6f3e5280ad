"""How the admin words a value, a moment, a state."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext


def shown(name: str, label: Any) -> Any:
    """A column or a line that only shows a field: related rows by name, times short."""

    @admin.display(description=label, ordering=None if name.startswith("get_") else name)
    def show(_model_admin: Any, row: Any) -> str:
        value = getattr(row, name)
        return worded(value() if callable(value) else value)

    return show


def worded(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return _moment(timezone.localtime(value))
    return str(getattr(value, "shown_name", "") or value)


def _moment(local: datetime) -> str:
    """Of the last two days the hour says more than the date."""
    today, time = timezone.localdate(), local.strftime("%H:%M")
    if local.date() == today:
        return gettext("today, %(time)s") % {"time": time}
    if local.date() == today - timedelta(days=1):
        return gettext("yesterday, %(time)s") % {"time": time}
    return formats.date_format(local, "SHORT_DATETIME_FORMAT")


def second(moment: datetime) -> str:
    """To the second, for what is looked up later."""
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'SHORT_DATE_FORMAT')} {local:%H:%M:%S}"


def pretty(value: Any) -> str:
    """Stored JSON, readable and escaped."""
    if not value:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))


def chip(label: Any, kind: str = "") -> str:
    return format_html('<span class="chip {}">{}</span>', kind, label)
