"""Files through the API: uploaded or fetched, looked at before anything is promised, sent once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from conversations import clock, errors, fetching, leases, uploads, work
from conversations.models import Attachment, Conversation, Delivery, Message, Organization, UnsentFile
from conversations.uploads import Upload
from handoffflow.api import media
from handoffflow.models import IdempotentRequest
from handoffflow.simulator import attachments as pictures
from operators import writing
from operators.models import Operator
from tests.api.calls import Api, bot, caller, code, fields, make_key
from tests.builders import fresh, make_held, make_operator, make_waiting, make_with_bot
from tests.conversations.fileserver import ENDLESS, Answer, Files, serving
from tests.races.together import together

pytestmark = [pytest.mark.django_db, pytest.mark.engine]

PHOTO = pictures.photo()[1]
PDF = b"%PDF-1.7\n" + b"x" * 100
JUST = {"message_owner": "bot", "epoch": 0}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def held(ana: Operator) -> Conversation:
    return make_held(ana)


def at(conversation: Conversation, call: str = "media") -> str:
    return f"/conversations/{conversation.public_id}/{call}"


def file(content: bytes = PHOTO, kind: str = "image/png", name: str = "foto.png") -> Any:
    return SimpleUploadedFile(name, content, kind)


def upload(api: Api, conversation: Conversation, *, key: str | None = None, **parts: Any) -> Any:
    body = encode_multipart(BOUNDARY, parts or {"file": file()})
    return api.send(at(conversation), body, key=key, kind=MULTIPART_CONTENT)


def uploaded(api: Api, conversation: Conversation, content: Any = None) -> str:
    response = upload(api, conversation, file=content or file())
    assert response.status_code == 201, response.content
    return str(response.json()["id"])


def as_agent(ana: Operator, **more: Any) -> dict[str, Any]:
    return {"message_owner": "agent", "agent_id": str(ana.public_id), **more}


def say(held: Conversation, ana: Operator, upload: Upload) -> None:
    epoch = fresh(held).epoch
    writing.reply(
        held,
        operator=ana,
        body="",
        epoch=epoch,
        client_key=None,
        seen=0,
        now=clock.now(),
        upload=upload,
    )


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class TestUploading:
    def test_tells_what_the_file_is_and_until_when_it_waits(self, held: Conversation) -> None:
        response = upload(caller("desk"), held)

        told = response.json()
        row = UnsentFile.objects.get()
        assert (response.status_code, told["id"]) == (201, str(row.public_id))
        assert (told["content_type"], told["name"], told["size"]) == ("image/png", "foto.png", len(PHOTO))
        assert row.due_at is not None
        assert timedelta(hours=23) < row.due_at - clock.now() <= timedelta(hours=24)
        assert default_storage.open(str(row.file)).read() == PHOTO
        assert not Attachment.objects.exists()

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (file(b""), "empty"),
            (file(b"<script>alert(1)</script>"), "kind"),
            (file(b"GIF89a\x01\x00\x01\x00", "image/gif"), "kind"),
            (file(b"MZ\x90\x00", "application/pdf"), "kind"),
            (file(PHOTO + b"\x00" * (5 * 1024 * 1024)), "too_big"),
        ],
        ids=["empty", "a page", "a gif", "a program", "six megabytes"],
    )
    def test_refuses_what_the_panel_refuses(
        self, content: Any, reason: str, held: Conversation, folder: Path
    ) -> None:
        response = upload(caller("desk"), held, file=content)

        assert (response.status_code, code(response)) == (422, "file_refused")
        assert response.json()["reason"] == reason
        assert not UnsentFile.objects.exists()
        assert kept(folder) == []

    def test_refuses_what_is_larger_than_any_file(self, held: Conversation, folder: Path) -> None:
        response = upload(caller("desk"), held, file=file(b"x" * (18 * 1024 * 1024), "application/pdf"))

        assert (response.status_code, code(response)) == (413, "too_large")
        assert kept(folder) == []

    @pytest.mark.parametrize(
        ("parts", "wrong"),
        [
            ({"other": "x"}, [("file", "required"), ("other", "unknown")]),
            ({"file": "text"}, [("file", "required")]),
            ({"file": [file(), file()]}, [("file", "repeated")]),
            ({"file": file(), "body": "x"}, [("body", "unknown")]),
            ({"file": file(), "11987654321": "x"}, [("11987654321", "unknown")]),
            ({"file": file(), "a b": file()}, [("?", "unknown")]),
        ],
    )
    def test_takes_one_file_and_nothing_else(self, parts: Any, wrong: Any, held: Conversation) -> None:
        assert fields(upload(caller("desk"), held, **parts)) == wrong
        assert not UnsentFile.objects.exists()

    @pytest.mark.parametrize(
        ("data", "kind", "status", "expected"),
        [
            (b'{"file": "x"}', "application/json", 415, "unsupported_media_type"),
            (b"x=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
            (b"--x--", "multipart/form-data", 415, "unsupported_media_type"),
            (b"--x--", "multipart/form-data; boundary=\xe9", 400, "bad_form"),
            (b"nonsense", "multipart/form-data; boundary=x", 422, "invalid"),
            (b"", "", 415, "unsupported_media_type"),
        ],
    )
    def test_is_a_form(self, data: bytes, kind: Any, status: int, expected: str, held: Conversation) -> None:
        kind = kind.decode("latin-1") if isinstance(kind, bytes) else kind
        response = caller("desk").send(at(held), data, kind=kind)

        assert (response.status_code, code(response)) == (status, expected)

    def test_of_too_many_parts_is_no_form(self, held: Conversation) -> None:
        response = upload(caller("desk"), held, file=file(), **{f"f{number}": "x" for number in range(1100)})

        assert (response.status_code, code(response)) == (400, "bad_form")

    def test_takes_nothing_of_a_dangerous_name(self, held: Conversation) -> None:
        response = upload(caller("desk"), held, file=file(name="../../etc/\u202egnp.exe"))

        assert response.json()["name"] == "gnp.exe"

    def test_under_one_key_is_one_file(self, held: Conversation, folder: Path) -> None:
        desk = caller("desk")

        first, again = (upload(desk, held, key="f-1") for _time in range(2))
        other = upload(desk, held, key="f-1", file=file(PDF, "application/pdf", "nota.pdf"))

        assert again.content == first.content
        assert again["Idempotency-Replayed"] == "true"
        assert code(other) == "idempotency_mismatch"
        assert len(kept(folder)) == UnsentFile.objects.count() == 1

    @pytest.mark.parametrize(
        ("scope", "status"), [("bot", 201), ("desk", 201), ("admin", 201), ("read", 403)]
    )
    def test_is_for_whoever_may_speak(self, scope: str, status: int, held: Conversation) -> None:
        api = bot() if scope == "bot" else caller(scope)

        assert upload(api, held).status_code == status

    def test_to_somebody_elses_conversation_is_to_none(self, held: Conversation, folder: Path) -> None:
        other = Organization.objects.create(name="Outra")
        stranger = caller("desk", organization=other)

        response = upload(stranger, held)

        assert (response.status_code, code(response)) == (404, "not_found")
        assert kept(folder) == []

    def test_needs_the_csrf_token_in_a_session(self, ana: Operator, held: Conversation) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(ana)

        refused = upload(Api(client=client), held)

        assert (refused.status_code, code(refused)) == (403, "csrf")

    def test_reads_no_body_of_a_stranger(self, held: Conversation, folder: Path) -> None:
        response = upload(Api("hf_nonsense"), held)

        assert response.status_code == 401
        assert kept(folder) == []


class TestSending:
    def test_takes_the_file_along_with_its_caption(self, ana: Operator, held: Conversation) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id, body="Segue"))

        told = response.json()["message"]
        assert response.status_code == 202
        assert (told["body"], told["message_owner"]) == ("Segue", "agent")
        assert [(one["id"], one["state"], one["name"]) for one in told["media"]] == [
            (media_id, "stored", "foto.png")
        ]
        assert str(Delivery.objects.get(message__public_id=told["id"]).media) == media_id
        assert not UnsentFile.objects.exists()
        read = caller("read").get(at(held, f"media/{media_id}"))
        assert b"".join(read.streaming_content) == PHOTO

    def test_lets_a_text_follow_what_takes_none(self, ana: Operator, held: Conversation) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held, file(PDF, "application/pdf", "nota.pdf"))

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id, body="A nota"))

        assert [part["body"] for part in response.json()["parts"]] == ["", "A nota"]

    def test_is_done_by_a_bot_in_its_epoch(self) -> None:
        conversation, robo = make_with_bot(), bot()
        media_id = uploaded(robo, conversation)

        sent = robo.post(at(conversation, "messages"), {**JUST, "media_id": media_id})

        assert sent.status_code == 202
        assert sent.json()["message"]["message_owner"] == "bot"

    def test_too_late_leaves_the_file_waiting(self) -> None:
        conversation, robo = make_waiting(), bot()
        media_id = uploaded(robo, conversation)

        late = robo.post(at(conversation, "messages"), {**JUST, "media_id": media_id, "body": "x"})

        assert (late.status_code, code(late)) == (409, "stale_epoch")
        assert UnsentFile.objects.ready(clock.now()).count() == 1
        assert not Attachment.objects.exists()

    def test_happens_once(self, ana: Operator, held: Conversation) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)
        body = as_agent(ana, media_id=media_id)

        first = desk.post(at(held, "messages"), body)
        again = desk.post(at(held, "messages"), body)

        assert first.status_code == 202
        assert (again.status_code, code(again)) == (422, "unknown_media")
        assert Attachment.objects.count() == 1

    def test_under_one_key_repeats_the_answer_for_ever(self, ana: Operator, held: Conversation) -> None:
        desk = caller("desk")
        body = as_agent(ana, media_id=uploaded(desk, held), body="Segue")
        other = as_agent(ana, media_id=uploaded(desk, held), body="Segue")

        first = desk.post(at(held, "messages"), body, key="m-1")
        IdempotentRequest.objects.all().delete()
        again = desk.post(at(held, "messages"), body, key="m-1")
        IdempotentRequest.objects.all().delete()
        another = desk.post(at(held, "messages"), other, key="m-1")

        assert again.json()["message"]["id"] == first.json()["message"]["id"]
        assert (another.status_code, code(another)) == (422, "idempotency_mismatch")
        assert Message.objects.filter(conversation=held, operator=ana).count() == 1

    def test_knows_no_file_of_another_conversation(self, ana: Operator, held: Conversation) -> None:
        desk, other = caller("desk"), make_with_bot(address="whatsapp:+5511900000009")
        theirs = uploaded(desk, other)

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=theirs))

        assert code(response) == "unknown_media"
        assert theirs.encode() not in response.content

    def test_knows_no_file_that_was_sent_already_by_the_panel(
        self, ana: Operator, held: Conversation
    ) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)
        desk.post(at(held, "messages"), as_agent(ana, media_id=media_id))

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id), key="other")

        assert code(response) == "unknown_media"

    @pytest.mark.parametrize(
        ("body", "wrong"),
        [
            ({"media_url": ["https://a.example/x", "https://a.example/y"]}, [("media_url", "too_long")]),
            ({"media_url": "https://a.example/x"}, [("media_url", "type")]),
            ({"media_id": "x"}, [("media_id", "format")]),
            ({"buttons": ["Sim"], "body": "x"}, [("buttons", "conflict")]),
            ({"content_sid": "HX1"}, [("content_sid", "conflict")]),
            ({"variables": {"1": "x"}}, [("variables", "conflict")]),
            ({"media_url": ["https://a.example/x"]}, [("media_url", "conflict")]),
        ],
    )
    def test_goes_with_nothing_else(
        self, body: dict[str, Any], wrong: Any, ana: Operator, held: Conversation
    ) -> None:
        whole = as_agent(ana, **{"media_id": "0e0b7c56-2f0e-4b0c-9d55-9a1c3a1f5f6e", **body})

        assert fields(caller("desk").post(at(held, "messages"), whole)) == wrong


class TestWaiting:
    def test_ends_after_a_day(self, ana: Operator, held: Conversation, folder: Path) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)

        work.run_once(clock.now() + timedelta(hours=23))
        still = len(kept(folder))
        work.run_once(clock.now() + timedelta(hours=25))

        assert (still, len(kept(folder)), UnsentFile.objects.count()) == (1, 0, 0)
        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id))
        assert code(response) == "unknown_media"

    def test_ends_only_for_what_was_not_sent(self, ana: Operator, held: Conversation, folder: Path) -> None:
        desk = caller("desk")
        desk.post(at(held, "messages"), as_agent(ana, media_id=uploaded(desk, held)))

        work.load_handlers()
        handled = work.claim_due(work.handlers["unsent"], clock.now() + timedelta(hours=25), limit=4)

        assert handled == ([], None)
        assert len(kept(folder)) == 1

    def test_is_over_when_its_time_is_whether_or_not_a_worker_came(
        self, ana: Operator, held: Conversation
    ) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)
        UnsentFile.objects.update(due_at=clock.now() - timedelta(seconds=1))

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id))

        assert code(response) == "unknown_media"

    @pytest.mark.parametrize("first", ["another message", "a worker"])
    def test_ends_for_whoever_comes_second(
        self, first: str, ana: Operator, held: Conversation, folder: Path
    ) -> None:
        """Both have looked before either acts."""
        media_id = uploaded(caller("desk"), held)
        mine, theirs = (uploads.kept(held, UUID(media_id), now=clock.now()) for _who in "ab")
        if first == "a worker":
            assert leases.claim(UnsentFile.objects.get())
        else:
            say(held, ana, theirs)
        before = fresh(held).seq

        with pytest.raises(errors.UnknownFile):
            say(held, ana, mine)

        assert fresh(held).seq == before
        assert Attachment.objects.count() == (0 if first == "a worker" else 1)
        assert len(kept(folder)) == 1

    def test_given_up_by_a_worker_is_sent_by_nobody(self, ana: Operator, held: Conversation) -> None:
        desk = caller("desk")
        media_id = uploaded(desk, held)
        UnsentFile.objects.update(lease_number=1)  # a worker whose clock runs ahead has claimed it

        response = desk.post(at(held, "messages"), as_agent(ana, media_id=media_id))

        assert code(response) == "unknown_media"

    def test_of_a_file_that_is_gone_ends_all_the_same(self, held: Conversation, folder: Path) -> None:
        uploaded(caller("desk"), held)
        kept(folder)[0].unlink()

        work.run_once(clock.now() + timedelta(hours=25))

        assert not UnsentFile.objects.exists()


@pytest.fixture
def store(settings: Any) -> Iterator[Files]:
    """Where an integration keeps its files: a listed host and port, because it is this machine."""
    with serving() as files:
        settings.INTERNAL_HOSTS = frozenset({files.url.removeprefix("http://")})
        yield files


class TestFetching:
    def say(self, ana: Operator, held: Conversation, url: str, **more: Any) -> Any:
        return caller("desk").post(at(held, "messages"), as_agent(ana, media_url=[url], **more))

    def test_sends_what_it_has_looked_at(self, ana: Operator, held: Conversation, store: Files) -> None:
        store.answers["/foto.png?key=x"] = [Answer(content=PHOTO, headers={"Content-Type": "image/png"})]

        response = self.say(ana, held, f"{store.url}/foto.png?key=x", body="Segue")

        attachment = Attachment.objects.get()
        assert response.status_code == 202
        assert (attachment.name, attachment.media_type, attachment.source_url) == (
            "foto.png",
            "image/png",
            "",
        )
        assert default_storage.open(str(attachment.file)).read() == PHOTO
        assert response.json()["message"]["body"] == "Segue"
        assert store.asked == [("/foto.png?key=x", None)]

    def test_follows_where_it_may_go(self, ana: Operator, held: Conversation, store: Files) -> None:
        store.answers["/a"] = [Answer(302, headers={"Location": "/b"})]
        store.answers["/b"] = [Answer(content=PDF, headers={"Content-Type": "application/pdf"})]

        assert self.say(ana, held, f"{store.url}/a").status_code == 202

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(404), "not_found"),
            (Answer(403), "credentials"),
            (Answer(500), "refused"),
            (Answer(200), "empty"),
            (Answer(content=PHOTO, headers={"Content-Encoding": "gzip"}), "encoded"),
            (Answer(content=b"x", length=20 * 1024 * 1024), "too_big"),
            (Answer(content=b"x" * 1024 * 1024, length=ENDLESS), "too_big"),
            (Answer(302, headers={"Location": "/x"}), "redirects"),
            (Answer(302, headers={"Location": "http://localhost:1/"}), "host"),
            (Answer(302, headers={"Location": "https://169.254.169.254/"}), "host"),
            (Answer(302, headers={"Location": "file:///etc/passwd"}), "host"),
        ],
        ids=[
            "absent",
            "locked",
            "broken",
            "empty",
            "packed",
            "large",
            "endless",
            "circle",
            "home",
            "cloud",
            "file",
        ],
    )
    def test_says_why_it_could_not(
        self, answer: Answer, reason: str, ana: Operator, held: Conversation, store: Files, folder: Path
    ) -> None:
        store.answers["/x"] = [answer]

        response = self.say(ana, held, f"{store.url}/x")

        assert (response.status_code, code(response)) == (422, "media_not_fetched")
        assert response.json()["reason"] == reason
        assert kept(folder) == []
        assert not Message.objects.filter(conversation=held, operator=ana).exists()

    def test_takes_only_so_long(
        self, ana: Operator, held: Conversation, store: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(media, "FETCH_SECONDS", 0.0)
        store.answers["/x"] = [Answer(content=PHOTO)]

        response = self.say(ana, held, f"{store.url}/x")

        assert response.json()["reason"] == "timeout"

    def test_refuses_a_page_that_is_said_to_be_a_picture(
        self, ana: Operator, held: Conversation, store: Files, folder: Path
    ) -> None:
        store.answers["/x"] = [Answer(content=b"<html>", headers={"Content-Type": "image/png"})]

        response = self.say(ana, held, f"{store.url}/x")

        assert (code(response), response.json()["reason"]) == ("file_refused", "kind")
        assert kept(folder) == []

    @pytest.mark.parametrize(
        ("url", "wrong"),
        [
            ("http://files.example.com/x", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("https://ana:secret@files.example.com/", "credentials"),
            ("https://files.example.com:22/", "port"),
            ("https://127.0.0.1/", "private"),
            ("https://[::ffff:10.0.0.1]/", "private"),
            ("https://169.254.169.254/latest/meta-data", "private"),
            ("https://files.example.com\\@evil.example/", "form"),
        ],
    )
    def test_calls_no_such_address(self, url: str, wrong: str, ana: Operator, held: Conversation) -> None:
        assert fields(self.say(ana, held, url)) == [("media_url.0", wrong)]

    def test_finds_nothing_else_on_a_listed_host(
        self, ana: Operator, held: Conversation, settings: Any
    ) -> None:
        """Which of its ports are open is nothing that a key is told."""
        settings.INTERNAL_HOSTS = frozenset({"files", "[::1]:9000"})

        for url in ("http://files:5432/", "https://files:8443/"):
            assert fields(self.say(ana, held, url)) == [("media_url.0", "port")]
        assert fields(self.say(ana, held, "http://[::1]:5432/")) == [("media_url.0", "scheme")]
        for url in ("http://files/x", "https://files/x", "http://[::1]:9000/x"):
            assert str(fetching.checked(url)) == url

    def test_allows_signed_links_of_two_thousand_characters(self) -> None:
        url = "https://files.example.com/" + "x" * 2000

        assert fetching.checked(url[:2000]).host == "files.example.com"

    def test_that_was_in_vain_leaves_nothing(self, held: Conversation, store: Files, folder: Path) -> None:
        """Bia does not hold the conversation."""
        store.answers["/x"] = [Answer(content=PHOTO)]

        response = self.say(make_operator("bia"), held, f"{store.url}/x")

        assert code(response) == "not_yours"
        assert kept(folder) == []
        assert fresh(held).seq == held.seq

    def test_holds_no_more_than_two_threads(self, ana: Operator, held: Conversation, store: Files) -> None:
        store.answers["/x"] = [Answer(content=PHOTO)]
        with media._fetching, media._fetching:
            full = self.say(ana, held, f"{store.url}/x")
        free = self.say(ana, held, f"{store.url}/x")

        assert (full.status_code, code(full), int(full["Retry-After"])) == (429, "rate_limited", 5)
        assert free.status_code == 202


@pytest.mark.django_db(transaction=True)
@pytest.mark.xdist_group("races")
def test_twenty_messages_at_once_share_no_file() -> None:
    ana = make_operator("ana")
    held = make_held(ana)
    _key, token = make_key("desk")
    body = as_agent(ana, media_id=uploaded(Api(token), held))

    def send() -> Any:
        try:
            return Api(token).post(at(held, "messages"), body)
        finally:
            connections.close_all()

    with together(20) as at_once:
        answers: list[Any] = at_once.run([send] * 20)

    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(refused) == 19
    assert {code(answer) for answer in refused} == {"unknown_media"}
    assert Attachment.objects.count() == 1
    assert not UnsentFile.objects.exists()
