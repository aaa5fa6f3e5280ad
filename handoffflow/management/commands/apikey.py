"""API keys from the command line: create, list, revoke."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations import clock
from conversations.models import Organization, Sender
from handoffflow.models import ApiKey, Scope

_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[hd])")


class Command(BaseCommand):
    help = "Creates, lists and revokes API keys. A key is shown once, when it is created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and show it, once")
        create.add_argument("--name", required=True, help="what it is for")
        create.add_argument("--scope", action="append", required=True, choices=Scope.values, dest="scopes")
        create.add_argument("--sender", help="limit it to one sender (whatsapp:+…); a bot needs one")
        create.add_argument("--expires", help="90d, 12h: when it stops working; never by default")
        actions.add_parser("list", help="show the keys, without their secrets")
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("id", help="the key's id or prefix, as listed")

    def handle(self, *args: Any, **options: Any) -> None:
        {"create": self._create, "list": self._list, "revoke": self._revoke}[options["action"]](options)

    def _create(self, options: dict[str, Any]) -> None:
        sender = _sender(options["sender"])
        try:
            key, token = ApiKey.objects.issue(
                organization=sender.organization if sender else Organization.default(),
                name=options["name"],
                scopes=options["scopes"],
                sender=sender,
                expires_at=_moment(options["expires"]),
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"{key.prefix} ({', '.join(key.scopes)}). Keep it now: it is not shown again.")
        self.stdout.write(token)

    def _list(self, _options: dict[str, Any]) -> None:
        now = clock.now()
        for key in ApiKey.objects.select_related("sender", "created_by").order_by("pk"):
            state = "usable" if key.usable(now) else "ended"
            used = key.last_used_at.isoformat(timespec="minutes") if key.last_used_at else "never used"
            place = key.sender.address if key.sender else "every sender"
            scopes = ",".join(key.scopes)
            self.stdout.write(
                f"{key.public_id}  {key.prefix}  {state}  {scopes}  {place}  {used}  {key.name}"
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        wanted = options["id"].removeprefix("hf_")
        found = [key for key in ApiKey.objects.all() if wanted in {key.key_id, str(key.public_id)}]
        if not found:
            raise CommandError("There is no such key.")
        ApiKey.objects.filter(pk=found[0].pk, revoked_at=None).update(revoked_at=clock.now())
        self.stdout.write(f"{found[0].prefix} is revoked.")


def _sender(address: str | None) -> Sender | None:
    if address is None:
        return None
    Sender.objects.of_environment()
    found = list(Sender.objects.select_related("organization").filter(address=address)[:2])
    if len(found) != 1:
        raise CommandError("There is no such sender." if not found else "Two accounts have that sender.")
    return found[0]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    span = _SPAN.fullmatch(text)
    if span is None:
        raise CommandError("--expires is a number of days or hours: 90d, 12h.")
    count = int(span["count"])
    return clock.now() + (timedelta(days=count) if span["unit"] == "d" else timedelta(hours=count))
