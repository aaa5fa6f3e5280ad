"""Somebody's number, words, name and secrets, planted wherever they can come in: no log line shows them, no page
of an error, and no metric."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.db import DataError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from conversations import clock, handoffs, intake, messages, turns, work
from conversations.bots.base import HandoffRequest
from conversations.models import BotTurn, Delivery, InboundWebhook
from handoffflow import logs, urls
from handoffflow.simulator.standin import StandIn
from operators import drafts, push, subscribing
from operators.models import Operator
from tests.api.calls import Api, caller
from tests.builders import CUSTOMER, form, make_held, make_operator, make_sender, says, thread
from tests.conversations.botserver import Said, serving
from tests.conversations.modelserver import call, completion
from tests.conversations.outbox import operator_says
from tests.operators import pushservice
from tests.signed import FORM, WEBHOOK, post
from tests.standin import build

pytestmark = pytest.mark.django_db

ADDRESS = "whatsapp:+5511987650042"
BODY = "meu diagnóstico é xerostomia"
NAME = "Zebulônia Canária"
TOKEN = "cedro-marfim-4711-cedro-marfim"
CANARIES = (
    "987650042",
    "98765-0042",
    "xerostomia",
    "Zebul",
    "Can\\u00e1ria",
    "Canária",
    "marfim",
    quote(NAME),
)
EVERYTHING = f"{NAME} {ADDRESS} (11) 98765-0042: {BODY} {TOKEN}"


def canaries(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


class Lines:
    """What the product logs, as production writes it, with SQL logging turned up."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(formatter)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def tell_nobody(self, *expected: str) -> None:
        """No canary; and the lines that the test is about are there."""
        assert canaries(self.text) == [], self.text
        assert [word for word in expected if word not in self.text] == [], self.text


@pytest.fixture(params=["production", "debug"])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    found = Lines(logs.JsonFormatter() if request.param == "production" else logs.ReadableFormatter())
    yield from _listening(found)


@pytest.fixture
def production() -> Iterator[Lines]:
    """Only there are the texts of exceptions left out: a developer needs them."""
    yield from _listening(Lines(logs.JsonFormatter()))


def _listening(found: Lines) -> Iterator[Lines]:
    sql = logging.getLogger("django.db.backends")
    level, connection.force_debug_cursor = sql.level, True
    sql.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(found.handler)
    yield found
    logging.getLogger().removeHandler(found.handler)
    sql.setLevel(level)
    connection.force_debug_cursor = False


@pytest.fixture
def visitor() -> Client:
    """Somebody whose browser gets the answer that production gives."""
    return Client(raise_request_exception=False)


@pytest.fixture
def caio(visitor: Client) -> Client:
    visitor.force_login(make_operator("caio", staff=True))
    return visitor


@pytest.fixture
def twilio(tmp_path: Path, settings: Any) -> Iterator[StandIn]:
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        running.meet(ADDRESS)
        settings.TWILIO_API_URL = running.url
        yield running


def planted(**params: str) -> dict[str, str]:
    metadata = json.dumps(
        {"type": "whatsapp", "data": {"context": {"ProfileName": NAME, "WaId": ADDRESS[-13:]}}}
    )
    return form(BODY, address=ADDRESS, ProfileName=NAME, ButtonText=BODY, ChannelMetadata=metadata, **params)


def refuse(*args: Any, **kwargs: Any) -> Any:
    name, address, body = NAME, ADDRESS, BODY
    raise ValueError(f"{name} {address} {body} {TOKEN}", args, kwargs)


@pytest.mark.engine  # each database's driver quotes values in its own way
@pytest.mark.django_db(transaction=True)
class TestAWebhook:
    def test_that_is_applied(self, client: Client, lines: Lines) -> None:
        assert post(client, planted()).status_code == 200

        assert InboundWebhook.objects.get().outcome == "applied"
        lines.tell_nobody("django.db.backends", "INSERT INTO", "conversations_message")

    def test_that_cannot_be_applied_now_or_later(
        self, client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messages, "receive", refuse)

        assert post(client, planted()).status_code == 200
        raw = InboundWebhook.objects.get()
        assert raw.due_at is not None
        work.run_once(raw.due_at)

        lines.tell_nobody("could not be applied: ValueError", f"webhook {raw.public_id}")

    def test_whose_handler_breaks(
        self, client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as failing:
            failing.setattr(messages, "receive", refuse)
            post(client, planted())
        raw = InboundWebhook.objects.get()
        assert raw.due_at is not None
        monkeypatch.setattr(intake, "receive_again", refuse)

        work.run_once(raw.due_at)

        lines.tell_nobody("failed: ValueError")

    @pytest.mark.parametrize("error", [OperationalError, DataError])
    def test_that_the_database_refuses(
        self, visitor: Client, production: Lines, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        make_sender()

        def away(*args: Any, **kwargs: Any) -> None:
            raise error(f"Key (value)=({EVERYTHING}) already exists.") from ValueError(EVERYTHING)

        monkeypatch.setattr(intake, "receive", away)

        response = post(visitor, planted())

        assert (response.status_code, canaries(response.content.decode())) == (503, [])
        production.tell_nobody("nothing could be stored", f"django.db.utils.{error.__name__}", "ValueError")

    @pytest.mark.parametrize("signed", [None, TOKEN, f"{TOKEN}\r\nforged"])
    def test_that_nobody_signed(self, visitor: Client, lines: Lines, signed: str | None) -> None:
        response = post(visitor, planted(), signed=signed)

        assert (response.status_code, response.content) == (403, b"")
        lines.tell_nobody("refused: not signed")

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (urlencode(planted()), "application/json"),
            (urlencode(planted()), "multipart/form-data"),
            (f"--x\r\n{EVERYTHING}", "multipart/form-data; boundary=x"),
            (urlencode(planted() | {f"{NAME}{n}": BODY for n in range(1001)}), FORM),
            (urlencode(planted()).replace("Body", "Body%00"), FORM),
            (urlencode(planted()), f"application/x-www-form-urlencoded; charset={TOKEN}"),
            (urlencode(planted(filler=BODY * 100_000)), FORM),
        ],
        ids=["json", "no-boundary", "broken-multipart", "many-fields", "nul", "charset", "huge"],
    )
    def test_that_is_odd(self, visitor: Client, lines: Lines, body: str, kind: str) -> None:
        url = f"{WEBHOOK}?{urlencode({'from': ADDRESS, 'name': NAME})}"

        response = visitor.generic(
            "POST", url, body, content_type=kind, headers={"User-Agent": quote(EVERYTHING)}
        )

        assert 400 <= response.status_code < 500
        assert canaries(response.content.decode()) == []
        lines.tell_nobody()

    def test_that_reports_a_status(self, client: Client, lines: Lines) -> None:
        make_sender()
        params = {"MessageSid": "SM1", "MessageStatus": "failed", "AccountSid": form()["AccountSid"], "To": ADDRESS,
                  "ErrorCode": "63016", "ErrorMessage": EVERYTHING}  # fmt: skip

        assert post(client, params, path="/api/twilio/status").status_code == 204

        lines.tell_nobody("conversations_statusreport")


@pytest.mark.django_db(transaction=True)
class TestASend:
    @pytest.mark.parametrize(
        ("fault", "options"),
        [
            ("429", {}),
            ("500", {}),
            ("html_500", {}),
            ("302", {}),
            ("reset_before", {}),
            ("not_json_201", {}),
            ("truncated", {}),
            ("failed", {"code": 63016}),
        ],
    )
    def test_that_fails(self, twilio: StandIn, lines: Lines, fault: str, options: dict[str, Any]) -> None:
        held = make_held(make_operator("ana"), address=ADDRESS, ProfileName=NAME)
        Delivery.objects.all().delete()
        twilio.script(fault, **options)

        row = operator_says(held, Operator.objects.get(username="ana"), BODY)
        assert row.due_at is not None
        work.run_once(row.due_at)

        lines.tell_nobody("conversations_delivery")

    def test_with_credentials_that_are_refused(self, twilio: StandIn, lines: Lines, settings: Any) -> None:
        held = make_held(make_operator("ana"), address=ADDRESS, ProfileName=NAME)
        Delivery.objects.all().delete()
        settings.TWILIO_AUTH_TOKEN = TOKEN

        row = operator_says(held, Operator.objects.get(username="ana"), BODY)
        assert row.due_at is not None
        work.run_once(row.due_at)

        lines.tell_nobody("is paused: credentials_refused", f"delivery {row.public_id}")

    def test_of_a_bot_that_breaks(self, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(turns, "sound", refuse)
        says(BODY, address=ADDRESS, ProfileName=NAME)
        turn = BotTurn.objects.get()
        assert turn.due_at is not None

        work.run_once(turn.due_at)

        lines.tell_nobody("bot engine failed: ValueError", f"turn {turn.public_id}")


@pytest.mark.django_db(transaction=True)
class TestALanguageModel:
    """Its key, what it is told and what it says."""

    @pytest.mark.parametrize(
        "said",
        [
            Said(completion(EVERYTHING)),
            Said(completion(None, call("hand_over", {"reason": NAME, "summary": EVERYTHING}))),
            Said(completion(None, call(f"tool {TOKEN}", EVERYTHING))),
            Said(EVERYTHING.encode()),
            Said({"error": {"message": EVERYTHING, "code": TOKEN}}, status=401),
            Said({"error": {"message": EVERYTHING}}, status=503),
            Said(status=0),
        ],
        ids=["text", "tool", "odd-tool", "no-json", "401", "503", "hangs-up"],
    )
    def test_that_is_asked(self, lines: Lines, settings: Any, said: Said) -> None:
        settings.INTERNAL_HOSTS = frozenset({"127.0.0.1"})
        sender = make_sender()
        sender.bot_engine, sender.llm_key = "llm", TOKEN
        with serving() as model:
            model.says = [said]
            sender.bot_settings = {"llm": {"url": model.url, "model": "any", "mask": False}}
            sender.save()
            says(BODY, address=ADDRESS, ProfileName=NAME)

            work.run_once(clock.now() + timedelta(minutes=5))

        assert model.raw[0][0]["Authorization"] == f"Bearer {TOKEN}"
        lines.tell_nobody("conversations_botturn")


class TestTheApi:
    @pytest.mark.parametrize("token", [TOKEN, f"hf_abc_{TOKEN}", ""])
    def test_with_a_wrong_key(self, visitor: Client, lines: Lines, token: str) -> None:
        response = Api(token, visitor).get("/conversations", {"phone": ADDRESS})

        assert (response.status_code, canaries(response.content.decode())) == (401, [])
        lines.tell_nobody()

    @pytest.mark.parametrize(
        "body",
        [
            EVERYTHING.encode(),
            json.dumps({NAME: BODY, "reason": 5}).encode(),
            json.dumps({"reason": EVERYTHING * 100, "queue": [ADDRESS]}).encode(),
            json.dumps({"reason": "x", "slots": {NAME: {ADDRESS: BODY}}, "priority": EVERYTHING}).encode(),
        ],
        ids=["no-json", "unknown-fields", "wrong-types", "wrong-slots"],
    )
    def test_with_a_body_that_is_wrong(self, lines: Lines, body: bytes) -> None:
        says(BODY, address=ADDRESS, ProfileName=NAME)
        place = f"/conversations/{thread(ADDRESS).public_id}/handoff/request"

        response = caller("desk", "read").send(place, body, key=TOKEN)

        assert 400 <= response.status_code < 500
        assert canaries(response.content.decode()) == []
        lines.tell_nobody()

    @pytest.mark.parametrize("error", [OperationalError, ValueError, DataError])
    def test_that_breaks(
        self, production: Lines, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ) -> None:
        says(BODY, address=ADDRESS, ProfileName=NAME)
        place = f"/conversations/{thread(ADDRESS).public_id}/handoff/request"

        def explode(*args: Any, **kwargs: Any) -> None:
            raise error(EVERYTHING)

        monkeypatch.setattr(handoffs, "request", explode)

        response = caller("desk", "read").post(place, {"reason": "x", "summary": EVERYTHING}, key=TOKEN)

        assert canaries(response.content.decode()) == []
        production.tell_nobody("conversations_conversation")


class TestADraft:
    def test_that_is_saved_refused_or_breaks(
        self, visitor: Client, production: Lines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ana = make_operator("ana")
        held = make_held(ana, address=ADDRESS, ProfileName=NAME)
        visitor.force_login(ana)
        place = f"/operator/c/{held.public_id}/draft"

        statuses = [
            visitor.post(place, {"kind": "reply", "text": EVERYTHING, "seen": seen}).status_code
            for seen in ("0", f"5{TOKEN}")
        ]
        statuses.append(visitor.post(place, {"kind": "note", "text": EVERYTHING * 100}).status_code)
        monkeypatch.setattr(drafts, "save", refuse)
        broken = visitor.post(place, {"kind": "reply", "text": EVERYTHING})

        assert [*statuses, broken.status_code] == [200, 200, 422, 500]
        assert canaries(broken.content.decode()) == []
        production.tell_nobody("operators_draft", "ValueError")

    def test_that_becomes_a_canned_search(self, visitor: Client, lines: Lines) -> None:
        ana = make_operator("ana")
        held = make_held(ana, address=ADDRESS, ProfileName=NAME)
        visitor.force_login(ana)
        place = f"/operator/c/{held.public_id}/canned"

        assert visitor.get(place, {"q": EVERYTHING}).status_code == 200

        lines.tell_nobody("operators_cannedreply")


class TestTheAdmin:
    @pytest.mark.parametrize(
        "rows",
        [
            "conversations/inboundwebhook",
            "conversations/delivery",
            "operators/operator",
            "operators/cannedreply",
        ],
    )
    def test_that_is_searched(self, caio: Client, lines: Lines, rows: str) -> None:
        says(BODY, address=ADDRESS, ProfileName=NAME)

        assert caio.get(f"/admin/{rows}/", {"q": f"{NAME} {ADDRESS}"}).status_code == 200

        lines.tell_nobody("SELECT")

    def test_whose_forms_are_filled_in(self, caio: Client, lines: Lines) -> None:
        fields = {
            "name": NAME,
            "address": ADDRESS,
            "account_sid": "AC" + "2" * 32,
            "auth_token": TOKEN,
            "secondary_token": TOKEN,
            "api_key_sid": "SK" + "3" * 32,
            "api_key_secret": TOKEN,
            "bot_engine": "rules",
        }
        caio.post("/admin/conversations/sender/add/", fields)
        caio.post(
            "/admin/operators/operator/add/", {"username": NAME, "password1": TOKEN, "password2": TOKEN}
        )

        lines.tell_nobody("conversations_sender")

    def test_that_breaks(self, caio: Client, production: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("django.contrib.admin.options.ModelAdmin.get_search_results", refuse)

        response = caio.get("/admin/operators/operator/", {"q": EVERYTHING})

        assert (response.status_code, canaries(response.content.decode())) == (500, [])
        production.tell_nobody("Internal Server Error: /admin/operators/operator/", "ValueError")

    def test_that_does_not_let_them_in(self, visitor: Client, lines: Lines) -> None:
        make_operator("caio", staff=True)

        for _try in range(6):
            response = visitor.post("/accounts/login/?next=/admin/", {"username": NAME, "password": TOKEN})

        assert response.status_code == 429
        lines.tell_nobody("axes_accessattempt")


def explode(request: HttpRequest, token: str) -> HttpResponse:
    name, body = NAME, request.body
    raise RuntimeError(f"{name}: {body!r} for {ADDRESS} with {token}")


urlpatterns = [*urls.urlpatterns, path("explode/<str:token>/", explode)]


class TestAPageOfAnError:
    def test_shows_nothing_of_what_broke(self, visitor: Client, production: Lines, settings: Any) -> None:
        settings.ROOT_URLCONF = __name__
        visitor.cookies["sessionid"] = TOKEN

        response = visitor.post(
            f"/explode/{TOKEN}/?{urlencode({'q': EVERYTHING})}",
            {"body": EVERYTHING},
            headers={"Referer": f"https://example.com/{quote(NAME)}", "Authorization": f"Bearer {TOKEN}"},
        )

        assert response.status_code == 500
        assert canaries(response.content.decode()) == []
        assert canaries(str(response.headers)) == []
        production.tell_nobody("Internal Server Error: /explode/***/", "RuntimeError", "in explode")

    @pytest.mark.parametrize(
        ("address", "host", "status"),
        [
            (f"/operator/c/{quote(NAME)}/", "desk.example.com", 404),
            (f"/static/{TOKEN}", "desk.example.com", 404),
            (f"/accounts/first/{TOKEN}/", "desk.example.com", 404),
            ("/accounts/login/", f"{TOKEN}.example.com", 400),
        ],
    )
    def test_repeats_no_address(
        self, visitor: Client, lines: Lines, address: str, host: str, status: int
    ) -> None:
        response = visitor.get(address, headers={"Host": host})

        assert (response.status_code, canaries(response.content.decode())) == (status, [])
        lines.tell_nobody()

    def test_about_a_forged_form_repeats_no_header(self, lines: Lines) -> None:
        strict = Client(enforce_csrf_checks=True)

        for header in ("Origin", "Referer"):
            response = strict.post(
                "/accounts/login/",
                {"username": NAME},
                headers={header: f"https://{TOKEN}.example.org"},
                secure=True,
            )
            assert (response.status_code, canaries(response.content.decode())) == (403, [])

        lines.tell_nobody("refused: Origin checking failed", "refused: Referer checking failed")


class TestOtherLines:
    def test_of_a_task_that_nobody_waited_for(self, production: Lines) -> None:
        async def forget() -> None:
            async def fail() -> None:
                raise ValueError(EVERYTHING)

            task = asyncio.create_task(fail())
            await asyncio.wait([task])
            del task
            gc.collect()

        asyncio.run(forget())
        gc.collect()

        production.tell_nobody("Task exception was never retrieved", "ValueError")

    def test_whose_arguments_do_not_fit(self, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
        # pytest listens as well, and raises what a handler should swallow.
        monkeypatch.setattr("_pytest.logging.LogCaptureHandler.handleError", lambda *_args: None)
        logging.getLogger("somebody").error("%d of %d", EVERYTHING)

        lines.tell_nobody("(unreadable) %d of %d")

    def test_of_errors_in_a_group_or_a_chain(self, production: Lines) -> None:
        try:
            try:
                raise ExceptionGroup(EVERYTHING, [KeyError(EVERYTHING), UnicodeError(EVERYTHING)])
            except ExceptionGroup as group:
                group.add_note(EVERYTHING)
                raise RuntimeError(EVERYTHING) from group
        except RuntimeError:
            logging.getLogger("somebody").exception("together")

        production.tell_nobody("KeyError", "UnicodeError", "ExceptionGroup", "RuntimeError")

    def test_keep_what_errors_say_about_the_code(self, production: Lines) -> None:
        try:
            raise AttributeError("'NoneType' object has no attribute 'seq'")
        except AttributeError:
            logging.getLogger("somebody").exception("broken")

        production.tell_nobody("AttributeError: 'NoneType' object has no attribute 'seq'")


class TestMetrics:
    def test_name_nobody(self, client: Client, lines: Lines) -> None:
        make_held(make_operator("ana"), address=ADDRESS, ProfileName=NAME)
        post(client, planted())

        response = client.get("/metrics", headers={"Host": "localhost"})

        assert response.status_code == 200
        assert canaries(response.content.decode()) == []
        lines.tell_nobody()


class TestACallToAnOperator:
    """The address of a device is a secret, and the name in what it is told is somebody's."""

    PLACE = "cedro-marfim-4711"

    def _device(self) -> Operator:
        ana = make_operator("ana")
        keys = pushservice.Browser(self.PLACE).keys
        subscribing.subscribe(ana, **keys, agent="Chrome", session="s", now=clock.now())
        return ana

    def test_that_does_not_get_through(
        self, production: Lines, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PUSH_PRIVATE_KEY = pushservice.PRIVATE_KEY
        self._device()
        answer = push.Answer(push.Outcome.REFUSED)
        monkeypatch.setattr(push, "send", lambda letter: _told(answer))
        says(BODY, address=ADDRESS, ProfileName=NAME)
        handoffs.request(
            thread(ADDRESS), cause=CUSTOMER, request=HandoffRequest(reason="rule"), now=clock.now()
        )

        work.run_once()

        production.tell_nobody("push given up")

    def test_whose_handler_breaks(
        self, production: Lines, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PUSH_PRIVATE_KEY = pushservice.PRIVATE_KEY
        self._device()
        monkeypatch.setattr(push, "send", refuse)
        says(BODY, address=ADDRESS, ProfileName=NAME)
        handoffs.request(
            thread(ADDRESS), cause=CUSTOMER, request=HandoffRequest(reason="rule"), now=clock.now()
        )

        work.run_once()

        production.tell_nobody("push", "failed: ValueError")


async def _told(answer: push.Answer) -> push.Answer:
    return answer
