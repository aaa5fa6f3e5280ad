"""One whole handoff through a running demo installation, over HTTP alone: python tests/drive_handoff.py URL

A customer greets, the bot answers, the customer asks for a person, an operator takes the chat, both write,
the operator finishes with a summary and the bot resumes with it. Exits 1 with the step that did not happen.
"""

from __future__ import annotations

import html
import re
import sys
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import requests

PATIENCE_SECONDS = 20


class Visitor:
    """A browser without JavaScript: follows links, fills forms, sends the CSRF token the page gave it."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.page = ""
        self.url = ""

    def open(self, path: str) -> str:
        return self._keep(self.session.get(self.base + path, timeout=30))

    def post(self, path: str, **fields: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        data = {"csrfmiddlewaretoken": token[1] if token else "", **fields}
        headers = {"Referer": self.base + "/", "Origin": self.base}
        return self._keep(self.session.post(self.base + path, data=data, headers=headers, timeout=30))

    def form(self, action: str) -> dict[str, str]:
        """The hidden fields of the form that posts to ``action``."""
        found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.page, re.DOTALL)
        fields = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", found[1]) if found else []
        pairs = [(re.search(r'name="([^"]*)"', f), re.search(r'value="([^"]*)"', f)) for f in fields]
        return {name[1]: html.unescape(value[1]) for name, value in pairs if name and value}

    def _keep(self, response: requests.Response) -> str:
        response.raise_for_status()
        self.page, self.url = response.text, response.url
        return self.page


def wait(step: str, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if happened():
            sys.stdout.write(f"ok: {step}\n")
            return
        time.sleep(0.3)
    sys.exit(f"did not happen within {PATIENCE_SECONDS} s: {step}")


def main(base: str) -> None:
    phone, desk = Visitor(base), Visitor(base)
    phone.open("/simulator/")
    customer = re.search(r"/simulator/c/(\d+)/say/", phone.page)
    if customer is None:
        sys.exit("the simulator shows no customer")
    say = f"/simulator/c/{customer[1]}/say/"

    def reads(text: str) -> Callable[[], bool]:
        return lambda: text in html.unescape(phone.open("/simulator/"))

    phone.post(say, page="solo", body="oi")
    wait("the bot greets", reads("assistente virtual"))
    phone.post(say, page="solo", body="Quero falar com um atendente, por favor")
    wait("the customer is told to wait", reads("Vou chamar uma pessoa"))

    desk.open("/accounts/login/")
    desk.post("/accounts/login/", username="ana", password="demo", next="/operator/")
    desk.post("/operator/next/")
    chat = urlsplit(desk.url).path
    if "/operator/c/" not in chat or "Quero falar com um atendente" not in html.unescape(desk.page):
        sys.exit("Atender próximo did not open the customer's chat")
    sys.stdout.write("ok: the operator takes it\n")

    desk.post(f"{chat}send", **desk.form(f"{chat}send"), body="Oi! Aqui é a Ana. Qual é o endereço novo?")
    wait("the customer reads the operator", reads("Qual é o endereço novo?"))
    phone.post(say, page="solo", body="Rua das Flores, 10")
    wait("the operator reads the customer", lambda: "Rua das Flores, 10" in desk.open(chat))

    # A page made while the message came in may show it and still count it as unread.
    desk.open(chat)
    desk.open(f"{chat}release?{urlencode(desk.form(f'{chat}release'))}")
    fields = desk.form(f"{chat}release")
    desk.post(
        f"{chat}release",
        **fields,
        outcome="solved",
        resume="bot_now",
        summary="Entrega na Rua das Flores, 10.",
    )
    wait("the bot resumes with what was settled", reads("Entrega na Rua das Flores, 10."))


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
