"""Prints a Studio flow that works with this installation."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from conversations import flowfiles


class Command(BaseCommand):
    help = "Prints a Twilio Studio flow for this installation, to be imported in Twilio's console."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "way", choices=flowfiles.WAYS, help="where this desk stands: in front of Studio, or behind it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(flowfiles.text(options["way"]), ending="")
