"""The first impression: a fresh demo installation, and the whole loop in the split view of its simulator."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.conftest import ROOT

pytestmark = pytest.mark.long
PATIENCE = 20_000


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `manage.py serve` with demo data, started as `make run` starts it."""
    with socket.socket() as page, socket.socket() as twilio:
        page.bind(("127.0.0.1", 0))
        twilio.bind(("127.0.0.1", 0))
        port, simulator_port = str(page.getsockname()[1]), str(twilio.getsockname()[1])
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(tmp_path_factory.mktemp("desk")),
        "DEBUG": "1",
        "PORT": port,
        "SIMULATOR_PORT": simulator_port,
        "PYTHONUNBUFFERED": "1",
    }
    for command in (["migrate", "--verbosity", "0"], ["demo"]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
    serve = subprocess.Popen(
        [sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    for line in serve.stdout or ():
        if "is ready on" in line:
            break
    yield f"http://localhost:{port}"
    serve.terminate()
    serve.wait(timeout=30)


def test_the_whole_loop_in_the_split_view(desk: str, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.set_default_timeout(PATIENCE)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{desk}/simulator/split/")
    phone, console = page.get_by_role("log").first, page.frame_locator("iframe")
    name = _name(page)
    console.get_by_role("button", name=re.compile("^ana")).click()

    _write(page, "oi")
    expect(phone).to_contain_text("assistente virtual")
    _write(page, "Por favor, quero falar com um atendente")
    expect(phone).to_contain_text("Vou chamar uma pessoa")

    console.get_by_role("button", name=re.compile("^Atender próximo")).click()
    expect(console.get_by_role("heading", name=re.compile(name), level=2).first).to_be_visible()
    _reply(console, "Oi! Aqui é a Ana. Qual é o endereço novo?")
    expect(phone).to_contain_text("Qual é o endereço novo?")
    _write(page, "Rua das Flores, 10")
    expect(console.get_by_role("log")).to_contain_text("Rua das Flores, 10")

    console.get_by_role("button", name="Finalizar atendimento").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_role("radio", name=re.compile("ele fala agora")).check()
    dialog.get_by_label(re.compile("^Resumo")).fill("Entrega na Rua das Flores, 10.")
    dialog.get_by_role("button", name=re.compile("^Finalizar")).click()
    expect(phone).to_contain_text("Entrega na Rua das Flores, 10.")

    assert complaints == []


def _name(page: Page) -> str:
    label = page.get_by_placeholder("Mensagem").evaluate("field => field.labels[0].textContent")
    return str(label).rpartition(" ")[2]


def _write(page: Page, text: str) -> None:
    page.get_by_placeholder("Mensagem").fill(text)
    page.keyboard.press("Enter")


def _reply(console: FrameLocator, text: str) -> None:
    box = console.get_by_label("Mensagem", exact=True)
    box.fill(text)
    box.press("Enter")
