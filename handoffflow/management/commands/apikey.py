"""API keys from the command line: create, list, rotate, revoke."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations import clock
from conversations.contract import Cause
from conversations.models import Organization, Sender
from handoffflow import keys
from handoffflow.models import ApiKey, Scope

CAUSE = Cause(kind="system", door="command")

_SPAN = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[hd])")


class Command(BaseCommand):
    help = "Creates, lists, rotates and revokes API keys. A key is shown once, when it is created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a key and show it, once")
        create.add_argument("--name", required=True, help="what it is for")
        create.add_argument("--scope", action="append", required=True, choices=Scope.values, dest="scopes")
        create.add_argument("--sender", help="limit it to one sender (whatsapp:+…); a bot needs one")
        create.add_argument("--expires", help="90d, 12h: when it stops working; never by default")
        actions.add_parser("list", help="show the keys, without their secrets")
        rotate = actions.add_parser("rotate", help="make a key like this one, which then ends by itself")
        rotate.add_argument("id", help="the key's id or prefix, as listed")
        rotate.add_argument(
            "--grace", default="24h", help="90d, 12h, 0h: how long the old one goes on; 24h by default"
        )
        revoke = actions.add_parser("revoke", help="end a key at once")
        revoke.add_argument("id", help="the key's id or prefix, as listed")

    def handle(self, *args: Any, **options: Any) -> None:
        acts = {"create": self._create, "list": self._list, "rotate": self._rotate, "revoke": self._revoke}
        acts[options["action"]](options)

    def _create(self, options: dict[str, Any]) -> None:
        sender = _sender(options["sender"])
        try:
            key, token = keys.issue(
                cause=CAUSE,
                now=clock.now(),
                organization=sender.organization if sender else Organization.default(),
                name=options["name"],
                scopes=options["scopes"],
                sender=sender,
                expires_at=_moment(options["expires"]),
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self._show(key, token)

    def _show(self, key: ApiKey, token: str) -> None:
        self.stderr.write(f"{key.prefix} ({', '.join(key.scopes)}). Keep it now: it is not shown again.")
        self.stdout.write(token)

    def _list(self, _options: dict[str, Any]) -> None:
        now = clock.now()
        for key in ApiKey.objects.select_related("sender", "created_by").order_by("pk"):
            state = "usable" if key.usable(now) else "ended"
            used = f"used {_told(key.last_used_at)}" if key.last_used_at else "never used"
            ends = f"ends {_told(key.expires_at)}" if key.expires_at else "no end"
            place = key.sender.address if key.sender else "every sender"
            scopes = ",".join(key.scopes)
            self.stdout.write(
                f"{key.public_id}  {key.prefix}  {state}  {scopes}  {place}  {used}  {ends}  {key.name}"
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        key = _key(options["id"])
        keys.revoke(key, cause=CAUSE, now=clock.now())
        self.stdout.write(f"{key.prefix} is revoked.")

    def _rotate(self, options: dict[str, Any]) -> None:
        key, now = _key(options["id"]), clock.now()
        try:
            fresh, token = keys.rotate(key, cause=CAUSE, now=now, grace=_length("--grace", options["grace"]))
        except keys.KeyEnded as error:
            raise CommandError("That key has ended: make a new one.") from error
        ends = ApiKey.objects.get(pk=key.pk).expires_at
        self.stderr.write(f"{key.prefix} works until {_told(ends)}.")
        self._show(fresh, token)


def _told(moment: datetime | None) -> str:
    return moment.isoformat(timespec="minutes") if moment else "never"


def _key(wanted: str) -> ApiKey:
    wanted = wanted.removeprefix("hf_")
    rows = ApiKey.objects.select_related("organization", "sender", "created_by")
    found = [key for key in rows if wanted in {key.key_id, str(key.public_id)}]
    if not found:
        raise CommandError("There is no such key.")
    return found[0]


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
    length = _length("--expires", text)
    if not length:
        raise CommandError("--expires is a number of days or hours: 90d, 12h.")
    return clock.now() + length


def _length(name: str, text: str) -> timedelta:
    span = _SPAN.fullmatch(text)
    if span is None:
        raise CommandError(f"{name} is a number of days or hours: 90d, 12h.")
    count = int(span["count"])
    return timedelta(days=count) if span["unit"] == "d" else timedelta(hours=count)
