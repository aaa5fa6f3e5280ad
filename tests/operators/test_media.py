"""Files in the panel: who gets them and how, what a bubble shows of them, and the player in a real browser."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from conversations import clock, media
from conversations.models import Attachment, AttachmentState, Conversation, Message
from conversations.twilio.downloads import Head
from handoffflow.simulator import attachments as pictures
from operators.models import Operator
from tests import builders
from tests.operators.conftest import Desk, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO, VOICE = pictures.photo(), pictures.audio(18)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def panel(ana: Operator) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def pending(body: str = "", *, kind: str = "image/png") -> Attachment:
    """João has sent a file that nobody has fetched yet."""
    builders.says(
        body, NumMedia="1", MediaUrl0="https://api.twilio.com/x", MediaContentType0=kind, MessageType="image"
    )
    Attachment.objects.update(due_at=None)
    return Attachment.objects.select_related("message").latest("pk")


def stored(kind: str, content: bytes, *, body: str = "", name: str = "") -> Attachment:
    row = pending(body, kind=kind)
    head = Head(kind, f'inline; filename="{name}"' if name else "")
    media.keep(row, BytesIO(content), now=clock.now(), head=head)
    return Attachment.objects.select_related("message").get(pk=row.pk)


def place(conversation: Conversation, row: Attachment) -> str:
    return f"/operator/c/{conversation.public_id}/media/{row.public_id}"


def page(panel: Client, conversation: Conversation) -> str:
    return panel.get(f"/operator/c/{conversation.public_id}/").content.decode()


class TestServing:
    def test_a_file_is_a_download_that_runs_nothing(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        answer = panel.get(place(held, stored(*PHOTO)))
        assert answer.getvalue() == PHOTO[1]
        assert answer["Content-Type"] == "image/png"
        assert answer["Content-Disposition"] == 'attachment; filename="file.png"'
        assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "no-store")

    def test_what_only_claims_to_be_a_picture_is_none(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        row = stored("image/png", b"<script>alert(1)</script>", name="foto.png")
        answer = panel.get(place(held, row))
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Content-Disposition"] == 'attachment; filename="foto.png.bin"'
        assert "<img" not in page(panel, held).split('id="bubbles"')[1].split('id="dock"')[0]

    @pytest.mark.parametrize(
        ("wanted", "status", "part", "told"),
        [
            ("bytes=0-3", 206, slice(0, 4), "bytes 0-3/{size}"),
            ("bytes=10-", 206, slice(10, None), "bytes 10-{last}/{size}"),
            ("bytes=-5", 206, slice(-5, None), "bytes {fifth}-{last}/{size}"),
            ("bytes=0-99999999", 206, slice(0, None), "bytes 0-{last}/{size}"),
            ("bytes=99999999-", 416, slice(0, 0), "bytes */{size}"),
            ("bytes=-0", 416, slice(0, 0), "bytes */{size}"),
            ("bytes=9-3", 416, slice(0, 0), "bytes */{size}"),
            ("bytes=-", 200, slice(0, None), ""),
            ("bytes=0-1,5-6", 200, slice(0, None), ""),
            ("lines=0-1", 200, slice(0, None), ""),
            ("bytes=" + "9" * 40 + "-", 200, slice(0, None), ""),
        ],
    )
    def test_a_player_gets_the_part_it_asks_for(
        self, panel: Client, ana: Operator, wanted: str, status: int, part: slice, told: str
    ) -> None:
        held = builders.make_held(ana)
        row, content = stored(*VOICE), VOICE[1]
        answer = panel.get(place(held, row), headers={"Range": wanted})
        size = len(content)
        assert (answer.status_code, answer.getvalue()) == (status, content[part])
        assert answer.get("Content-Range", "") == told.format(size=size, last=size - 1, fifth=size - 5)
        assert answer["Accept-Ranges"] == "bytes"

    @pytest.mark.parametrize("state", [AttachmentState.PENDING, AttachmentState.FAILED])
    def test_what_is_not_there_is_not_found(self, panel: Client, ana: Operator, state: str) -> None:
        held = builders.make_held(ana)
        row = stored(*PHOTO)
        Attachment.objects.update(state=state)
        assert panel.get(place(held, row)).status_code == 404

    def test_a_file_that_is_gone_from_the_folder_is_not_found(
        self, panel: Client, ana: Operator, settings: Any
    ) -> None:
        held = builders.make_held(ana)
        row = stored(*PHOTO)
        row.file.delete(save=False)
        assert panel.get(place(held, row)).status_code == 404

    def test_a_file_is_not_found_in_another_chat(self, panel: Client, ana: Operator) -> None:
        builders.make_held(ana)
        row = stored(*PHOTO)
        other = builders.make_held(ana, address="whatsapp:+5511900000001")
        assert panel.get(place(other, row)).status_code == 404


class TestTheBubble:
    def test_a_box_stands_where_the_photo_will_be(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        pending()
        assert 'class="pic soon"' in page(panel, held)

    def test_a_failure_says_why_and_offers_another_try(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        row = pending()
        Attachment.objects.update(state=AttachmentState.FAILED, reason="too_big")
        shown = page(panel, held)
        assert "O arquivo é maior do que este sistema aceita." in shown
        answer = panel.post(f"{place(held, row)}/again", headers={"HX-Request": "true"})
        assert (answer.status_code, Attachment.objects.get().state) == (200, "pending")
        assert 'class="pic soon"' in answer.content.decode()

    def test_a_documents_name_is_not_said_twice(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        stored("application/pdf", b"%PDF-1.7 ", body="boleto.pdf")
        bubbles = page(panel, held).split('id="bubbles"')[1].split('id="dock"')[0]
        assert (bubbles.count("<b>boleto.pdf</b>"), bubbles.count(">boleto.pdf<")) == (1, 1)

    def test_a_contact_card_says_who_it_is(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        stored("text/vcard", b"BEGIN:VCARD\nFN:Marina <b>\nTEL:+551191\nEND:VCARD")
        shown = page(panel, held)
        assert "Marina &lt;b&gt;" in shown
        assert "+551191" in shown

    def test_forwards_ads_and_quotes_are_marked(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        first = Message.objects.filter(conversation=held).in_order().first()
        assert first is not None
        builders.says(
            "isso",
            FrequentlyForwarded="true",
            OriginalRepliedMessageSid=first.provider_sid or "",
            ReferralSourceId="1",
            ReferralSourceUrl="https://fb.me/x",
            ReferralHeadline="Promoção",
        )
        shown = page(panel, held)
        assert "Encaminhada com frequência" in shown
        assert f'data-quote="m-{first.public_id}"' in shown
        assert f"?before={first.seq + 1}#m-" in shown
        assert 'href="https://fb.me/x"' in shown

    def test_an_ad_with_a_strange_address_has_no_link(self, panel: Client, ana: Operator) -> None:
        held = builders.make_held(ana)
        builders.says(
            "oi", ReferralSourceId="1", ReferralSourceUrl="javascript:alert(1)", ReferralHeadline="X"
        )
        assert "javascript:" not in page(panel, held)


@pytest.fixture
def console(live_desk: Desk, context: BrowserContext, page: Page, ana: Operator) -> Any:
    def show(conversation: Conversation) -> Page:
        sign_in(context, ana, live_desk.url)
        page.goto(f"{live_desk.url}/operator/c/{conversation.public_id}/")
        expect(page.locator("html.plays")).to_be_attached()  # players are brought to life after the page
        return page

    return show


class TestInTheBrowser:
    def test_a_photo_appears_in_its_box_and_opens_large(self, console: Any, ana: Operator) -> None:
        held = builders.make_held(ana)
        row = pending("Olha")
        page = console(held)
        before = page.locator(".pic.soon").bounding_box()
        media.keep(row, BytesIO(PHOTO[1]), now=clock.now())
        image = page.get_by_role("img", name="Foto, abrir ampliada")
        expect(image).to_have_js_property("naturalWidth", 360)
        assert page.locator("a.pic").bounding_box() == before
        page.get_by_role("link", name="Foto, abrir ampliada").click()
        look = page.get_by_role("dialog", name="Foto, abrir ampliada")
        expect(look.locator("img")).to_be_visible()
        page.keyboard.press("Escape")
        expect(look).to_have_count(0)

    def test_one_recording_plays_at_a_time_and_survives_a_redraw(self, console: Any, ana: Operator) -> None:
        held = builders.make_held(ana)
        rows = [stored(*VOICE), stored(*VOICE)]
        page = console(held)
        plays = page.get_by_role("button", name="Ouvir áudio de 0:18")
        plays.nth(0).click()
        expect(plays.nth(0)).to_have_attribute("aria-pressed", "true")
        plays.nth(1).click()
        expect(plays.nth(1)).to_have_attribute("aria-pressed", "true")
        expect(plays.nth(0)).to_have_attribute("aria-pressed", "false")
        media._tell(rows[1], media.CAUSE, clock.now(), state="stored")  # its bubble is drawn anew
        expect(page.locator("#bubbles")).to_have_attribute("data-seq", str(builders.fresh(held).seq))
        expect(plays.nth(1)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".aud .len").nth(1)).to_have_text(re.compile(r"0:0[1-9]"))

    def test_the_middle_of_a_recording_is_a_key_away(self, console: Any, ana: Operator) -> None:
        held = builders.make_held(ana)
        stored(*VOICE)
        page = console(held)
        page.get_by_role("button", name="Velocidade").click()
        expect(page.get_by_role("button", name="Velocidade")).to_have_text("1,5×")
        page.get_by_role("slider", name="Posição").fill("500")
        expect(page.locator(".aud .len")).to_have_text("0:09")

    def test_a_quote_leads_to_what_it_answers(self, console: Any, ana: Operator) -> None:
        held = builders.make_held(ana)
        first = Message.objects.filter(conversation=held).in_order().first()
        assert first is not None
        for number in range(30):
            builders.says(f"linha {number}")
        builders.says("sobre isso", OriginalRepliedMessageSid=first.provider_sid or "")
        page = console(held)
        page.locator("a.quote").click()
        expect(page.locator(f"#m-{first.public_id}")).to_be_in_viewport()
