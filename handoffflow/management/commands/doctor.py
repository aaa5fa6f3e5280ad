"""Looks the installation over and says what to fix."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from conversations import clock
from handoffflow.doctor import examination, sandbox
from handoffflow.doctor.finding import Finding, Level


class Command(BaseCommand):
    help = "Checks the installation and the Twilio account, and says what to fix."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fix", action="store_true", help="set this desk's addresses at Twilio")
        parser.add_argument("--json", action="store_true", help="for programs")
        parser.add_argument("--code", default="", help="the two words of your sandbox, for its invitation")

    def handle(self, *args: Any, **options: Any) -> None:
        found = examination.examine(clock.now(), fix=options["fix"], code=options["code"])
        if options["json"]:
            self.stdout.write(
                json.dumps([asdict(finding) for finding in found], ensure_ascii=False, indent=2)
            )
        else:
            for finding in found:
                self._tell(finding)
            self._invite(found, options["code"])
        broken = sum(finding.level == Level.ERROR for finding in found)
        if broken:
            raise CommandError(f"{broken} to fix.")

    def _tell(self, finding: Finding) -> None:
        mark = {
            Level.OK: self.style.SUCCESS("ok  "),
            Level.ADVICE: self.style.NOTICE("note"),
            Level.WARNING: self.style.WARNING("WARN"),
            Level.ERROR: self.style.ERROR("FIX "),
        }[finding.level]
        self.stdout.write(f"{mark} {finding.subject}: {finding.what}")
        if finding.fix:
            self.stdout.write(f"     {finding.fix}")

    def _invite(self, found: list[Finding], code: str) -> None:
        if any(finding.code == "sandbox" for finding in found):
            sender = next(one for one in examination.senders() if one.sandbox)
            self.stdout.write(sandbox.drawn(sandbox.link(sender, code)))
