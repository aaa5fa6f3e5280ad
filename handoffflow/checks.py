"""System checks: what Django cannot know about an unsafe or broken installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

_SAFE_COLLATIONS = ("utf8mb4_nopad_bin", "utf8mb4_0900_bin")
_HERE = {"localhost", "127.0.0.1", "::1"}


@register("handoffflow", deploy=True)
def production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What must hold before strangers can reach it."""
    found: list[CheckMessage] = []
    address = urlsplit(settings.APP_URL)
    if address.scheme != "https" and address.hostname not in _HERE:
        found.append(
            Error(
                "APP_URL is reachable from outside and not https.",
                hint="Put a reverse proxy with a certificate in front and set APP_URL=https://…",
                id="handoffflow.E001",
            )
        )
    if settings.SIMULATOR_ENABLED and not settings.DEBUG:
        found.append(
            Warning(
                "The simulator is on: anybody who reaches it can write as any customer.",
                hint="Unset SIMULATOR_ENABLED.",
                id="handoffflow.W002",
            )
        )
    if not settings.TWILIO_SID:
        found.append(
            Warning(
                "No Twilio account is set: only senders with credentials of their own can work.",
                hint="Set TWILIO_SID and TWILIO_AUTH_TOKEN, or enter them with the sender in the admin.",
                id="handoffflow.W003",
            )
        )
    return found


@register(Tags.database)
def collation(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """MariaDB compares "BR.AbC" and "BR.aBc" as equal by default: one person would read another's thread."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@collation_database, @@collation_connection")
            values = cursor.fetchone()
        if any(value not in _SAFE_COLLATIONS for value in values):
            found.append(
                Error(
                    f"The database compares text with {values[0]}, which mixes up people's addresses.",
                    hint="ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin, then migrate.",
                    id="handoffflow.E004",
                )
            )
    return found
