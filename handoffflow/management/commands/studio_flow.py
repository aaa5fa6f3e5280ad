"""Prints a Studio flow that works with this installation, or makes it at Twilio."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError

from conversations import flowfiles
from conversations.twilio import client, studio
from conversations.twilio.client import Account
from conversations.twilio.reading import CannotRead
from handoffflow.doctor import account, examination


class Command(BaseCommand):
    help = "Prints a Twilio Studio flow for this installation, to be imported in Twilio's console."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "way", choices=flowfiles.WAYS, help="where this desk stands: in front of Studio, or behind it"
        )
        parser.add_argument(
            "--publish",
            metavar="NUMBER",
            help="make and publish it in the account of this number (whatsapp:+…) instead; its SID is printed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        way, number = options["way"], options["publish"]
        self.stdout.write(_published(way, number) if number else flowfiles.text(way).rstrip())


def _published(way: str, number: str) -> str:
    sender = next((one for one in examination.senders() if one.address == number), None)
    if sender is None:
        raise CommandError("There is no sender with this number.")
    try:
        return async_to_sync(_make)(account.credentials(sender), way)
    except CannotRead as problem:
        raise CommandError(f"Twilio did not take it ({problem.cause}).") from None


async def _make(of: Account, way: str) -> str:
    try:
        return await studio.publish(of, f"HandoffFlow {way}", flowfiles.document(way))
    finally:
        await client.close()
