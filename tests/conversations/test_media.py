"""A customer's file: its bubble stands at once, the worker fetches it, and whatever goes wrong is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.storage import default_storage

from conversations import clock, intake, leases, media, merging, work
from conversations.models import Attachment, AttachmentState, Event
from conversations.twilio.downloads import DownloadFailed
from handoffflow.simulator import attachments as pictures
from tests.builders import form, make_held, make_operator, make_sender, make_with_bot, thread
from tests.conversations.fileserver import Answer, Files, serving
from tests.conversations.outbox import twilio as twilio

pytestmark = pytest.mark.django_db(transaction=True)

FILE = "/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def files(settings: Any) -> Iterator[Files]:
    with serving() as running:
        settings.TWILIO_API_URL = running.url
        yield running


@pytest.fixture(autouse=True)
def only_media(monkeypatch: pytest.MonkeyPatch) -> None:
    work.load_handlers()
    monkeypatch.setattr(work, "handlers", {"media": work.handlers["media"]})


def comes(
    files: Files, *, body: str = "", kind: str = "image/png", now: datetime | None = None
) -> Attachment:
    """João sends a file that the server of the test has."""
    params = form(body, NumMedia="1", MediaUrl0=files.url + FILE, MediaContentType0=kind, MessageType="image")
    intake.receive(params, sender=make_sender(), now=now or clock.now())
    return Attachment.objects.latest("pk")


def fresh(row: Attachment) -> Attachment:
    return Attachment.objects.select_related("message__conversation__sender").get(pk=row.pk)


def told(row: Attachment) -> list[str]:
    events = Event.objects.filter(conversation=row.message.conversation_id, kind="message.media").order_by(
        "seq"
    )
    return [event.data["state"] for event in events]


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestFetching:
    def test_the_bubble_stands_before_its_file_is_there(self, files: Files) -> None:
        row = comes(files, body="Olha")
        assert (row.state, row.message.body) == ("pending", "Olha")
        assert files.asked == []

    def test_a_file_is_stored_under_a_name_that_nobody_can_guess(self, files: Files, folder: Path) -> None:
        kind, content = pictures.photo()
        files.answers = {FILE: [Answer(200, content, {"Content-Type": kind})]}
        row = comes(files)
        work.run_once()
        row = fresh(row)
        assert (row.state, row.media_type, row.size) == ("stored", "image/png", len(content))
        assert row.facts == {"width": 360, "height": 420}
        assert default_storage.open(str(row.file)).read() == content
        assert str(row.public_id) not in str(row.file)
        assert len(Path(str(row.file)).name) >= 32
        assert (row.due_at, told(row)) == (None, ["stored"])

    def test_two_files_of_one_message_are_two(self, files: Files, folder: Path) -> None:
        files.answers = {FILE: [Answer(200, b"one")], "/2": [Answer(200, b"two!")]}
        params = form("", NumMedia="2", MediaUrl0=files.url + FILE, MediaUrl1=files.url + "/2")
        intake.receive(params, sender=make_sender(), now=clock.now())
        work.run_once()
        assert [row.size for row in Attachment.objects.order_by("position")] == [3, 4]

    def test_a_404_right_after_the_webhook_is_not_the_end(self, files: Files) -> None:
        files.answers = {FILE: [Answer(404), Answer(404), Answer(200, b"%PDF-1.7 ")]}
        now = clock.now()
        row = comes(files, kind="application/pdf", now=now)
        for seconds in (0, 1, 4):
            work.run_once(now + timedelta(seconds=seconds))
        row = fresh(row)
        assert (row.state, row.reason, row.media_type) == ("stored", "", "application/pdf")
        assert told(row) == ["stored"]

    def test_what_stays_away_is_given_up_and_said(self, files: Files) -> None:
        now = clock.now()
        row = comes(files, now=now)
        for _attempt in media.PAUSES:
            work.run_once(now)
            assert (fresh(row).state, fresh(row).reason) == ("pending", "not_found")
            now = fresh(row).due_at or now
        work.run_once(now)
        row = fresh(row)
        assert (row.state, row.reason, row.due_at) == ("failed", "not_found", None)
        assert told(row) == ["failed"]

    def test_what_cannot_change_is_given_up_at_once(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media, "MOST_BYTES", 10)
        files.answers = {FILE: [Answer(200, b"x" * 11)]}
        row = comes(files)
        work.run_once()
        assert (fresh(row).state, fresh(row).reason) == ("failed", "too_big")

    def test_a_full_disk_is_said_and_tried_again(
        self, files: Files, monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        def full(*_args: Any, **_named: Any) -> str:
            raise OSError(28, "No space left on device")

        files.answers = {FILE: [Answer(200, b"x")]}
        now = clock.now()
        row = comes(files, now=now)
        with monkeypatch.context() as broken:
            broken.setattr(default_storage, "save", full)
            work.run_once(now)
        assert (fresh(row).state, fresh(row).reason) == ("pending", "not_kept")
        work.run_once(now + timedelta(seconds=2))
        assert fresh(row).state == "stored"

    def test_a_half_written_file_is_replaced(self, files: Files, folder: Path) -> None:
        files.answers = {FILE: [Answer(200, b"whole")]}
        row = comes(files)
        half = folder / str(row.file)
        half.parent.mkdir(parents=True)
        half.write_bytes(b"wh")
        work.run_once()
        assert [path.read_bytes() for path in kept(folder)] == [b"whole"]

    def test_somebody_who_was_too_slow_changes_nothing(self, files: Files) -> None:
        files.answers = {FILE: [Answer(200, b"x")]}
        slow = fresh(comes(files))
        assert leases.claim(slow)
        Attachment.objects.update(leased_until=None)
        work.run_once()
        seq = thread().seq
        async_to_sync(media.run)(slow, clock.now())
        assert (thread().seq, told(slow)) == (seq, ["stored"])

    def test_the_demo_and_twilio_need_no_name_in_the_log(
        self, files: Files, caplog: pytest.LogCaptureFixture
    ) -> None:
        files.answers = {FILE: [Answer(500)]}
        comes(files)
        work.run_once()
        assert FILE not in caplog.text


def test_a_file_comes_into_a_chat_that_goes_on_elsewhere(files: Files) -> None:
    """Merged while its file was on the way: the bubble stays where it is, and is told of there."""
    files.answers = {FILE: [Answer(200, b"x")]}
    row = comes(files)
    make_with_bot(address="whatsapp:+5511900000001")
    winner = thread("whatsapp:+5511900000001")
    merging.merge(winner, thread(), cause=media.CAUSE, now=clock.now())
    work.run_once()
    assert (fresh(row).state, told(row)) == ("stored", ["stored"])


class TestAgain:
    def _failed(self, files: Files) -> Attachment:
        row = comes(files)
        Attachment.objects.update(state=AttachmentState.FAILED, reason="gone", due_at=None, attempts=6)
        return fresh(row)

    def test_a_person_may_have_it_fetched_once_more(self, files: Files) -> None:
        row = self._failed(files)
        files.answers = {FILE: [Answer(200, b"x")]}
        assert media.retry(row, cause=media.CAUSE, now=clock.now())
        assert fresh(row).state == "pending"
        work.run_once()
        assert (fresh(row).state, told(row)) == ("stored", ["pending", "stored"])

    def test_asking_twice_is_asking_once(self, files: Files) -> None:
        row = self._failed(files)
        assert media.retry(row, cause=media.CAUSE, now=clock.now())
        assert not media.retry(row, cause=media.CAUSE, now=clock.now())
        assert told(row) == ["pending"]

    def test_what_is_there_stays(self, files: Files) -> None:
        files.answers = {FILE: [Answer(200, b"x")]}
        row = comes(files)
        work.run_once()
        assert not media.retry(row, cause=media.CAUSE, now=clock.now())
        assert fresh(row).state == "stored"


def test_a_file_of_the_simulator_comes_as_from_twilio(twilio: Any) -> None:
    """Through the redirect, with the account's credentials, as the webhook named it."""
    make_held(make_operator("ana"))
    kind, content = pictures.audio(18)
    twilio.receive("whatsapp:+5511987654321", "", media=[(kind, content)])
    _url = f"{twilio.url}/2010-04-01"
    sid = twilio.ledger.all("SELECT sid FROM media")[0]["sid"]
    message = twilio.ledger.all("SELECT message FROM media")[0]["message"]
    params = form(
        "", NumMedia="1", MediaContentType0=kind,
        MediaUrl0=f"{_url}/Accounts/{twilio.account.sid}/Messages/{message}/Media/{sid}",
    )  # fmt: skip
    intake.receive(params, sender=make_sender(), now=clock.now())
    work.run_once()
    row = Attachment.objects.get()
    assert (row.state, row.media_type, row.size, row.facts) == (
        "stored",
        "audio/ogg",
        len(content),
        {"seconds": 18.0},
    )


def test_reasons_are_all_known() -> None:
    """Whatever a download can fail with has a sentence."""
    import ast
    import inspect

    from conversations.twilio import downloads

    tree = ast.parse(inspect.getsource(downloads))
    codes = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == DownloadFailed.__name__
        and isinstance(node.args[0], ast.Constant)
    }
    assert codes | set(downloads._REASONS.values()) <= set(media.REASONS)
