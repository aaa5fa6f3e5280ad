"""What people attach: refused while they can choose another, sent once, fetched by Twilio through a link that ends."""

from __future__ import annotations

import builtins
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from django.core import signing
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from conversations import clock, episodes, errors, replies, uploads, work
from conversations.contract import Cause
from conversations.models import Attachment, AttachmentState, Author, Conversation, Delivery, Kind, Message
from handoffflow.simulator import attachments as pictures
from operators import desk
from operators.models import Operator
from tests.builders import JOAO, fresh, make_held, make_with_bot
from tests.conversations.outbox import only_deliveries
from tests.standin import standin as standin

pytestmark = pytest.mark.django_db(transaction=True)

PHOTO, VOICE = pictures.photo()[1], pictures.audio()[1]
PDF = b"%PDF-1.7\n" + b"x" * 100
ROBO = Cause(kind="bot", door="api")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


def file(content: bytes = PHOTO, kind: str = "image/png", name: str = "foto.png") -> Any:
    return SimpleUploadedFile(name, content, kind)


def says(
    held: Conversation, ana: Operator, upload: Any, body: str = "", key: str | None = None
) -> list[Message]:
    with uploads.taken(upload) as taken:
        return desk.reply(
            held, operator=ana, door="panel", body=body, epoch=fresh(held).epoch, client_key=key,
            now=clock.now(), upload=taken,
        )  # fmt: skip


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def recording() -> bytes:
    """Half a second of Opus in WebM, as a browser records it."""
    out = BytesIO()
    with av.open(out, "w", format="webm") as target:
        track = target.add_stream("libopus", rate=48000)
        for number in range(25):
            frame = av.AudioFrame(format="s16", layout="mono", samples=960)
            frame.sample_rate, frame.pts = 48000, 960 * number
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            target.mux(track.encode(frame))
        target.mux(track.encode(None))
    return out.getvalue()


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("content", "kind", "reason"),
        [
            (b"", "image/png", "empty"),
            (PHOTO + b"\x00" * (5 * uploads.MEGABYTE), "image/png", "too_big"),
            (PDF + b"\x00" * (16 * uploads.MEGABYTE), "application/pdf", "too_big"),
            (b"<html>", "image/png", "kind"),
            (b"MZ\x90\x00", "application/pdf", "kind"),
            (b"GIF89a\x01\x00\x01\x00", "image/gif", "kind"),
            (b"hello", "text/plain", "kind"),
            (b"\x1a\x45\xdf\xa3" + b"\x00" * 50, "audio/webm", "broken"),
            (b"\x1a\x45\xdf\xa3" + b"\x00" * 50, "video/webm", "kind"),
        ],
    )
    def test_has_a_reason_and_leaves_nothing(
        self, content: bytes, kind: str, reason: str, folder: Path
    ) -> None:
        with pytest.raises(errors.FileRefused) as refused, uploads.taken(file(content, kind)):
            pass
        assert refused.value.extras["reason"] == reason
        assert kept(folder) == []

    def test_a_picture_of_just_five_megabytes_is_not(self) -> None:
        content = PHOTO + b"\x00" * (5 * uploads.MEGABYTE - len(PHOTO))
        with uploads.taken(file(content)) as taken:
            assert taken is not None

    def test_a_recording_needs_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *rest: Any, **named: Any) -> Any:
            if name == "av":
                raise ImportError
            return real(name, *rest, **named)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(errors.FileRefused) as refused, uploads.taken(file(recording(), "audio/webm")):
            pass
        assert refused.value.extras["reason"] == "voice"


class TestSaying:
    def test_a_picture_takes_its_text_along(self, held: Conversation, ana: Operator) -> None:
        [message] = says(held, ana, file(), "Segue")
        attachment = message.attachments.get()
        assert (message.kind, message.body, message.author) == ("image", "Segue", "operator")
        assert (attachment.state, attachment.media_type, attachment.name) == (
            "stored",
            "image/png",
            "foto.png",
        )
        assert default_storage.open(str(attachment.file)).read() == PHOTO
        assert Delivery.objects.get(message=message).media == attachment.public_id
        assert (fresh(held).last_kind, fresh(held).last_preview) == ("image", "Segue")

    def test_a_text_follows_what_takes_none(self, held: Conversation, ana: Operator) -> None:
        said = says(held, ana, file(PDF, "application/pdf", "nota.pdf"), "Segue a nota")
        assert [(message.kind, message.body) for message in said] == [
            ("document", ""),
            ("text", "Segue a nota"),
        ]

    def test_a_file_needs_no_text(self, held: Conversation, ana: Operator) -> None:
        [message] = says(held, ana, file(VOICE, "audio/ogg", "audio.ogg"))
        assert (message.kind, message.body) == ("audio", "")

    def test_a_recording_of_a_browser_is_sent_as_whatsapp_takes_it(
        self, held: Conversation, ana: Operator
    ) -> None:
        [message] = says(held, ana, file(recording(), "audio/webm", "audio.webm"))
        attachment = message.attachments.get()
        assert (attachment.media_type, attachment.name) == ("audio/ogg", "")
        content = default_storage.open(str(attachment.file)).read()
        assert content.startswith(b"OggS")
        assert b"OpusHead" in content[:100]
        assert 0.3 < attachment.facts["seconds"] < 0.8

    def test_a_form_sent_twice_is_one_message_and_one_file(
        self, held: Conversation, ana: Operator, folder: Path
    ) -> None:
        first, again = (says(held, ana, file(), "Segue", key="k1") for _time in range(2))
        assert [message.pk for message in first] == [message.pk for message in again]
        assert len(kept(folder)) == 1

    def test_the_same_key_with_a_file_or_without_is_not_the_same(
        self, held: Conversation, ana: Operator
    ) -> None:
        says(held, ana, file(), "Segue", key="k1")
        with pytest.raises(errors.KeyReused):
            says(held, ana, None, "Segue", key="k1")

    def test_whoever_lost_the_chat_leaves_no_file(self, ana: Operator, folder: Path) -> None:
        conversation = make_with_bot()
        with pytest.raises(errors.WithBot):
            says(conversation, ana, file(), "Segue")
        assert kept(folder) == []
        assert not Attachment.objects.exists()

    def test_an_unclear_end_of_the_form_leaves_no_file(
        self, held: Conversation, ana: Operator, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_args: Any, **_named: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(episodes, "replied", breaks)
        with pytest.raises(RuntimeError):
            says(held, ana, file())
        assert kept(folder) == []


class TestTheLink:
    @pytest.fixture
    def sent(self, held: Conversation, ana: Operator) -> Attachment:
        [message] = says(held, ana, file(PDF, "application/pdf", "nota fiscal.pdf"))
        return message.attachments.get()

    def test_gives_the_file_to_whoever_has_it(self, sent: Attachment) -> None:
        link = f"/api/twilio/media/{uploads.token(sent.public_id)}"
        head, got = Client().head(link), Client().get(link)
        assert (head.status_code, got.status_code, got.getvalue()) == (200, 200, PDF)
        assert head.getvalue() == b""
        for answer in (head, got):
            assert answer["Content-Type"] == "application/pdf"
            assert answer["Content-Length"] == str(len(PDF))
            assert answer["Content-Disposition"] == 'inline; filename="nota fiscal.pdf"'

    def test_ends(self, sent: Attachment, monkeypatch: pytest.MonkeyPatch) -> None:
        link = f"/api/twilio/media/{uploads.token(sent.public_id)}"
        later = clock.now() + timedelta(seconds=uploads.LINK_SECONDS + 2)
        monkeypatch.setattr("django.core.signing.time.time", later.timestamp)
        assert Client().get(link).status_code == 404

    @pytest.mark.parametrize("damage", ["id", "salt", "sign", "nothing", "words"])
    def test_cannot_be_made_up(self, sent: Attachment, damage: str) -> None:
        good = uploads.token(sent.public_id)
        token = {
            "id": str(sent.public_id),
            "salt": signing.dumps(sent.public_id.hex, salt="other"),
            "sign": good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
            "nothing": signing.dumps(None, salt=uploads.SALT),
            "words": signing.dumps("nobody", salt=uploads.SALT),
        }[damage]
        assert Client().get(f"/api/twilio/media/{token}").status_code == 404

    def test_gives_only_what_is_stored(self, sent: Attachment) -> None:
        link = f"/api/twilio/media/{uploads.token(sent.public_id)}"
        assert Client().post(link).status_code == 405
        Attachment.objects.update(state=AttachmentState.FAILED)
        assert Client().get(link).status_code == 404


class TestOnItsWay:
    @pytest.fixture(autouse=True)
    def known(self, standin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        standin.meet(JOAO)
        only_deliveries(monkeypatch)

    def test_twilio_takes_the_file_and_the_phone_shows_it(
        self, standin: Any, held: Conversation, ana: Operator
    ) -> None:
        [message] = says(held, ana, file(), "Segue")
        work.run_once()
        standin.settle()
        [sent] = [one for one in standin.sent() if one.body == "Segue"]
        assert [(one.type, one.content) for one in standin.ledger.media(sent.sid)] == [("image/png", PHOTO)]
        message.refresh_from_db()
        assert (message.provider_sid, message.status) == (sent.sid, "delivered")

    def test_a_file_without_text_is_sent_without(
        self, standin: Any, held: Conversation, ana: Operator
    ) -> None:
        says(held, ana, file(VOICE, "audio/ogg"))
        work.run_once()
        [request] = [one for one in standin.requests() if "MediaUrl" in one["form"]]
        assert "Body" not in request["form"]
        assert len(request["form"]["MediaUrl"]) == 1

    def test_what_twilio_cannot_fetch_fails_with_its_reason(
        self, standin: Any, held: Conversation, ana: Operator
    ) -> None:
        [message] = says(held, ana, file(), "Segue")
        default_storage.delete(str(message.attachments.get().file))
        work.run_once()
        standin.settle()
        message.refresh_from_db()
        assert (message.status, message.error_code) == ("failed", 63019)


def test_bots_may_send_files_through_the_engine() -> None:
    conversation = make_with_bot()
    with uploads.taken(file()) as taken:
        [message] = replies.say(
            conversation, cause=ROBO, author=Author.BOT, body="", now=clock.now(), epoch=conversation.epoch,
            upload=taken,
        )  # fmt: skip
    assert (message.kind, Delivery.objects.get(message=message).fenced) == (Kind.IMAGE, True)
