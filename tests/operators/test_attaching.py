"""Sending a file from the console: the form, what it refuses, and the way through a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from conversations import uploads
from conversations.models import Attachment, Conversation, Message
from handoffflow import uploading
from handoffflow.simulator import attachments as pictures
from operators.models import Operator
from tests import axe, builders
from tests.browsing import intercept
from tests.conversations.test_uploads import recording
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO = pictures.photo()[1]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return builders.make_held(ana)


@pytest.fixture
def panel(ana: Operator) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def posts(panel: Client, held: Conversation, content: bytes, kind: str, **more: Any) -> Any:
    data = {"body": "Segue", "file": SimpleUploadedFile("foto.png", content, kind), "client_key": "k"}
    return panel.post(f"/operator/c/{held.public_id}/send", data | more.pop("data", {}), **more)


def sent() -> list[str]:
    found = Message.objects.filter(author="operator").order_by("seq")
    return [message.kind for message in found]


class TestTheForm:
    def test_sends_a_file(self, panel: Client, held: Conversation) -> None:
        assert posts(panel, held, PHOTO, "image/png").status_code == 303
        assert sent() == ["image"]

    def test_without_a_file_is_what_it_was(self, panel: Client, held: Conversation) -> None:
        form = (
            b'--B\r\nContent-Disposition: form-data; name="body"\r\n\r\nOi\r\n'
            b'--B\r\nContent-Disposition: form-data; name="file"; filename=""\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n\r\n--B--\r\n"
        )
        place = f"/operator/c/{held.public_id}/send"
        answer = panel.generic("POST", place, form, "multipart/form-data; boundary=B")
        assert (answer.status_code, sent()) == (303, ["text"])

    @pytest.mark.parametrize(
        ("titles", "menu"), [(["Sim", "Não", ""], ""), ([f"Opção {n}" for n in range(7)], "Ver opções")]
    )
    def test_offers_buttons_or_a_list(
        self, panel: Client, held: Conversation, titles: list[str], menu: str
    ) -> None:
        answer = panel.post(f"/operator/c/{held.public_id}/send", {"body": "Escolha", "button": titles})
        assert answer.status_code == 303
        message = Message.objects.filter(author="operator").get()
        offered = message.extras["choices"]
        assert offered["menu"] == menu
        assert [line["title"] for line in offered["lines"]] == [title for title in titles if title]

    def test_sends_a_file_or_buttons_but_not_both(self, panel: Client, held: Conversation) -> None:
        answer = posts(panel, held, PHOTO, "image/png", data={"button": ["Sim"]})
        assert answer.status_code == 422
        assert "Um arquivo e botões não cabem na mesma mensagem" in answer.content.decode()
        assert (sent(), Attachment.objects.count()) == ([], 0)

    @pytest.mark.parametrize("fragment", [{}, {"HX-Request": "true"}])
    def test_says_why_not_and_keeps_the_text(
        self, panel: Client, held: Conversation, fragment: dict[str, str]
    ) -> None:
        answer = posts(panel, held, b"MZ\x90\x00", "application/pdf", headers=fragment)
        assert answer.status_code == 422
        assert "O WhatsApp não aceita arquivos deste tipo." in answer.content.decode()
        if not fragment:
            assert ">\nSegue</textarea>" in answer.content.decode()
        assert (sent(), Attachment.objects.count()) == ([], 0)

    def test_what_is_larger_than_anything_is_not_read(
        self, panel: Client, held: Conversation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploading, "LARGEST_BODY", 1000)
        assert posts(panel, held, PHOTO, "image/png").status_code == 400
        assert sent() == []

    def test_what_announces_too_much_is_refused_before_the_first_byte(self) -> None:
        quota = uploading.Quota()
        quota.handle_raw_input(None, {}, uploading.LARGEST_BODY, "x")
        with pytest.raises(RequestDataTooBig):
            quota.handle_raw_input(None, {}, uploading.LARGEST_BODY + 1, "x")

    def test_what_comes_without_a_length_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(uploading, "LARGEST_BODY", 10)
        quota = uploading.Quota()
        quota.handle_raw_input(None, {}, 0, "x")
        assert quota.receive_data_chunk(b"x" * 10, 0) == b"x" * 10
        with pytest.raises(RequestDataTooBig):
            quota.receive_data_chunk(b"x", 10)


@pytest.fixture
def console(live_desk: Desk, context: BrowserContext, page: Page, ana: Operator, held: Conversation) -> Page:
    sign_in(context, ana, live_desk.url)
    page.goto(f"{live_desk.url}/operator/c/{held.public_id}/")
    expect(page.get_by_role("button", name="Anexar arquivo")).to_be_visible()
    return page


def picture(name: str = "foto.png") -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": PHOTO}


def chooses(page: Page, file: Any) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Anexar arquivo").click()
    chooser.value.set_files(file)


class TestInTheBrowser:
    def test_a_photo_is_seen_before_it_is_sent_and_after(self, console: Page) -> None:
        chooses(console, picture())
        expect(console.locator("#attached")).to_contain_text("foto.png")
        expect(console.locator("#attached img")).to_have_js_property("naturalWidth", 360)
        assert axe.broken(console) == []
        console.get_by_label("Mensagem", exact=True).fill("Segue")
        console.keyboard.press("Enter")
        shown = console.locator("#bubbles .m.out a.pic img")
        expect(shown).to_have_js_property("naturalWidth", 360)
        expect(console.locator("#attached")).to_be_hidden()
        expect(console.get_by_label("Mensagem", exact=True)).to_have_value("")
        assert sent() == ["image"]

    def test_a_text_behind_a_file_stays_behind_it(self, console: Page) -> None:
        chooses(console, picture())
        console.get_by_label("Mensagem", exact=True).press("Enter")
        console.get_by_label("Mensagem", exact=True).fill("e mais isto")
        console.keyboard.press("Enter")
        expect(console.locator("#bubbles")).to_contain_text("e mais isto")
        assert sent() == ["image", "text"]

    def test_a_pasted_picture_can_be_taken_off_again(self, console: Page) -> None:
        console.get_by_label("Mensagem", exact=True).evaluate(
            """(box) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(10)], "colada.png", { type: "image/png" }));
              box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
            }"""
        )
        expect(console.locator("#attached")).to_contain_text("colada.png")
        console.get_by_role("button", name="Remover").click()
        expect(console.locator("#attached")).to_be_hidden()

    def test_what_is_too_large_is_refused_before_it_is_sent(self, console: Page) -> None:
        buffer = b"\x00" * (uploads.LARGEST_PICTURE + 1)
        chooses(console, {"name": "grande.png", "mimeType": "image/png", "buffer": buffer})
        expect(console.locator("#notice")).to_contain_text("até 5 MB")
        expect(console.locator("#attached")).to_be_hidden()

    def test_what_the_server_refuses_comes_back_with_its_text(self, console: Page) -> None:
        chooses(console, {"name": "virus.pdf", "mimeType": "application/pdf", "buffer": b"MZ\x90\x00"})
        console.get_by_label("Mensagem", exact=True).fill("Segue")
        console.keyboard.press("Enter")
        expect(console.locator("#notice")).to_contain_text("O WhatsApp não aceita arquivos deste tipo.")
        expect(console.get_by_label("Mensagem", exact=True)).to_have_value("Segue")
        expect(console.locator("#attached")).to_contain_text("virus.pdf")
        assert sent() == []

    def test_an_upload_that_breaks_off_comes_back_and_is_sent_once(
        self, console: Page, live_desk: Desk, held: Conversation
    ) -> None:
        intercept(console, "**/send", lambda route: route.abort())
        chooses(console, picture())
        console.get_by_label("Mensagem", exact=True).press("Enter")
        expect(console.locator("#notice")).to_contain_text("sem conexão")
        console.unroute("**/send")
        console.get_by_label("Mensagem", exact=True).press("Enter")
        expect(console.locator("#bubbles .m.out a.pic")).to_have_count(1)
        assert sent() == ["image"]

    def test_a_dropped_file_is_taken(self, console: Page) -> None:
        console.locator("#chat").evaluate(
            """(chat) => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(10)], "solta.pdf", { type: "application/pdf" }));
              for (const name of ["dragover", "drop"])
                chat.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
            }"""
        )
        expect(console.locator("#attached")).to_contain_text("solta.pdf")

    def test_a_recording_that_is_given_is_sent_as_a_voice_message(self, console: Page) -> None:
        chooses(console, {"name": "audio.webm", "mimeType": "audio/webm", "buffer": recording()})
        console.get_by_label("Mensagem", exact=True).press("Enter")
        expect(console.locator("#bubbles .m.out .aud")).to_have_count(1)
        assert Attachment.objects.get().media_type == "audio/ogg"

    def test_a_page_that_may_not_listen_says_so(self, console: Page) -> None:
        console.get_by_role("button", name="Gravar mensagem de voz").click()
        expect(console.locator("#notice")).to_contain_text("microfone")
