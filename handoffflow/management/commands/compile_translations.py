"""Compiles locale/*/LC_MESSAGES/*.po without gettext, which a bare machine does not have."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from handoffflow import catalogue


class Command(BaseCommand):
    help = "Compiles the translations that changed (needs no gettext)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for folder in settings.LOCALE_PATHS:
            for source in sorted(Path(folder).glob("*/LC_MESSAGES/*.po")):
                target = source.with_suffix(".mo")
                if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
                    continue
                try:
                    entries = catalogue.parse(source.read_text(encoding="utf-8"))
                except ValueError as error:
                    raise CommandError(f"{source.relative_to(settings.BASE_DIR)}: {error}") from error
                draft = target.with_suffix(".mo.new")
                draft.write_bytes(compiled(entries))
                draft.replace(target)


def compiled(entries: list[catalogue.Entry]) -> bytes:
    """The GNU .mo form: a header, two tables of (length, offset), then the texts, sorted by key."""
    pairs = sorted((entry.key, entry.value) for entry in entries if entry.is_usable)
    keys, values = (b"".join(text + b"\0" for text in side) for side in zip(*pairs, strict=True))
    count = len(pairs)
    tables, offset = [b"", b""], 28 + 16 * count
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack("<II", len(pair[side]), offset)
            offset += len(pair[side]) + 1
    header = struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 28 + 16 * count)
    return header + tables[0] + tables[1] + keys + values
