from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations import clock
from handoffflow import demo


class Command(BaseCommand):
    help = "Seeds the demo once: ana and bia (operators), caio (supervisor), customers in every state."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo has known passwords: it needs DEBUG=1, never a real installation.")
        made = demo.seed(clock.now())
        if not (made.operators or made.customers):
            self.stdout.write("The demo is there already.")
            return
        self.stdout.write(f"Demo made: {made.operators} logins (password: demo), {made.customers} customers.")
        if demo.real_account():
            self.stdout.write("A Twilio account is set: no demo customers.")
