"""Every kind of message that Twilio delivers, from its signed form to what the operator sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from conversations import clock, handoffs, work
from conversations.bots.base import HandoffRequest
from conversations.contract import Cause
from conversations.models import Conversation, Delivery, Message
from handoffflow.simulator import attachments as pictures
from operators import desk
from operators.models import Operator
from tests import builders
from tests.conversations.fileserver import Answer, Files, serving
from tests.operators.conftest import Desk, sign_in
from tests.signed import KINDS, payload, post

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMER = Cause(kind="customer", door="webhook")
FILES = {
    "image/jpeg": pictures.photo()[1],
    "image/webp": b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0",
    "audio/ogg": pictures.audio(7)[1],
    "video/mp4": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    "application/pdf": b"%PDF-1.7\n" + b"x" * 2000,
    "text/vcard": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Dra. Marina Alves\r\nTEL:+55 11 91234-5678\r\nEND:VCARD\r\n",
}
SHOWN = {
    "audio_voice_note": r'data-audio="[^"]+".*aria-label="Ouvir áudio de 0:07"',
    "button_reply": r"<b>Falar com atendente</b><i>Resposta por botão",
    "contact_card": r"<b>Dra. Marina Alves</b><i>\+55 11 91234-5678",
    "ctwa_referral": r"<b>Veio de um anúncio</b>.*Vestidos de verão.*Vi a oferta do vestido",
    "document_pdf": r"<b>nota_fiscal_0815.pdf</b><i>PDF",
    "forwarded": r'class="fwd".*Encaminhada',
    "image_caption": r'<a class="pic".*Veja a etiqueta',
    "list_reply": r"<b>Entregas</b><i>Onde está o meu pedido",
    "location": r'href="https://www.openstreetmap.org/\?mlat=',
    "reply_to": r"Esse aqui",
    "sticker": r'<img class="stk"',
    "text": r"Bom dia, meu pedido já saiu",
    "text_bsuid_only": r"Olá! Vocês abrem hoje",
    "text_whitespace_emoji": r"Oi 👋🏽\nmeu pedido não chegou",
    "unsupported": r"Mensagem de um tipo que não aparece aqui",
    "video": r'<video class="vid"',
    "whatsapp_flow": r"<b>Resposta de formulário</b><i>\w+: ",
}
"""What the bubble of each shows. A new kind of form without a line here fails."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def files(settings: Any) -> Iterator[Files]:
    with serving() as running:
        settings.TWILIO_API_URL = running.url
        yield running


def arrives(files: Files, kind: str, **changes: str) -> Message:
    """Twilio posts it, signed, and the worker fetches its file."""
    form = payload(kind) | changes
    if url := form.get("MediaUrl0"):
        path = urlsplit(url).path
        files.answers[path] = [Answer(200, FILES[form["MediaContentType0"]])]
        form["MediaUrl0"] = files.url + path
    answer = post(Client(), form)
    assert (answer.status_code, b"<Response" in answer.content) == (200, True)
    return Message.objects.get(provider_sid=form["MessageSid"])


def fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the worker does, beside the thread in which Playwright's loop runs."""
    work.load_handlers()
    monkeypatch.setattr(work, "handlers", {"media": work.handlers["media"]})
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_works).result()


def _works() -> None:
    work.run_once()
    connection.close()


def taken(conversation: Conversation, operator: Operator) -> Conversation:
    current = builders.fresh(conversation)
    if current.mode == "bot":
        handoffs.request(
            current, cause=CUSTOMER, request=HandoffRequest(reason="customer_asked"), now=clock.now()
        )
    desk.claim(builders.fresh(conversation), operator=operator, door="panel", now=clock.now())
    return builders.fresh(conversation)


@pytest.mark.parametrize("kind", KINDS)
def test_is_what_the_operator_sees(
    kind: str, files: Files, ana: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    builders.make_sender()
    message = arrives(files, kind)
    fetched(monkeypatch)
    held = taken(message.conversation, ana)
    client = Client()
    client.force_login(ana)

    page = client.get(f"/operator/c/{held.public_id}/").content.decode()

    bubble = page.split(f'id="m-{message.public_id}"')[1].split("</article>")[0]
    assert re.search(SHOWN[kind], bubble, re.DOTALL), bubble
    if kind == "text_bsuid_only":
        assert "número oculto" in page


@pytest.mark.parametrize(
    ("status", "code", "shown"),
    [
        ("queued", "", "Enviando"),
        ("sent", "", "Enviada"),
        ("delivered", "", "Entregue"),
        ("read", "", "Lida"),
        ("failed", "63016", "63016"),
        ("undelivered", "63024", "63024"),
    ],
)
def test_a_report_is_a_tick_or_a_sentence(status: str, code: str, shown: str, ana: Operator) -> None:
    held = builders.make_held(ana)
    [message] = desk.reply(
        held, operator=ana, door="panel", body="Oi", epoch=held.epoch, client_key=None, now=clock.now()
    )
    delivery = Delivery.objects.get(message=message)
    form = {
        "MessageSid": "SM" + "7" * 32,
        "MessageStatus": status,
        "AccountSid": held.sender.account_sid,
        "To": held.reply_address,
        "From": held.sender.address,
        **({"ErrorCode": code} if code else {}),
    }
    answer = post(Client(), form, path=f"/api/twilio/status?mid={delivery.public_id}")
    assert answer.status_code == 204
    client = Client()
    client.force_login(ana)

    page = client.get(f"/operator/c/{held.public_id}/").content.decode()

    assert shown in page.split(f'id="m-{message.public_id}"')[1].split('id="dock"')[0]


def test_all_of_them_stand_in_one_thread(
    files: Files,
    ana: Operator,
    monkeypatch: pytest.MonkeyPatch,
    live_desk: Desk,
    context: BrowserContext,
    page: Page,
) -> None:
    """In a real browser: pictures load, players are there, nothing is reported as wrong."""
    builders.make_sender()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    arrived = {kind: arrives(files, kind, From=builders.JOAO) for kind in KINDS}
    fetched(monkeypatch)
    held = taken(arrived["text"].conversation, ana)
    sign_in(context, ana, live_desk.url)
    page.goto(f"{live_desk.url}/operator/c/{held.public_id}/")

    def bubble(kind: str) -> Any:
        return page.locator(f"#m-{arrived[kind].public_id}")

    expect(bubble("image_caption").get_by_role("img")).to_have_js_property("naturalWidth", 360)
    expect(bubble("sticker").get_by_role("img", name="Figurinha")).to_have_js_property("complete", True)
    expect(bubble("audio_voice_note").get_by_role("button", name="Ouvir áudio")).to_be_visible()
    expect(bubble("video").locator("video")).to_have_js_property("controls", True)
    with page.expect_download() as download:
        bubble("document_pdf").get_by_role("link", name="Baixar").click()
    assert download.value.suggested_filename == "nota_fiscal_0815.pdf"
    expect(bubble("contact_card")).to_contain_text("Dra. Marina Alves")
    expect(bubble("location").get_by_role("link")).to_have_attribute("href", re.compile("openstreetmap"))
    assert len(page.locator("#bubbles .m.in").all()) == len(KINDS)
    assert [one for one in wrong if "media" not in one.lower()] == []
