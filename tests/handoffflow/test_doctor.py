"""The doctor finds what is broken, says how to mend it, and tells nobody a secret."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone, translation
from pytest_httpserver import HTTPServer

from conversations import clock, probe
from conversations.models import AuditEntry, InboundWebhook, Reconciliation, Sender, WorkerHeartbeat
from conversations.twilio import client
from handoffflow import health
from handoffflow.doctor import door, examination, installation, sandbox
from handoffflow.doctor.finding import Finding, Level
from handoffflow.simulator.standin import StandIn
from tests import builders
from tests.builders import make_sender
from tests.conftest import TWILIO_AUTH_TOKEN, TWILIO_SID
from tests.signed import post
from tests.standin import build

pytestmark = pytest.mark.django_db
SERVICE = "MG" + "7" * 32
ELSEWHERE = "https://other.example.com/hook?key=secret-of-theirs"


@pytest.fixture
def twilio(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A sound installation: an account, a number, a worker, and a public address behind which we are."""
    now = timezone.now()
    WorkerHeartbeat.objects.create(name="worker", started_at=now, beat_at=now)
    make_sender()

    def through(form: dict[str, str], token: str) -> tuple[int, str]:
        answer = post(Client(), form, token=token)
        return answer.status_code, answer.content.decode()

    monkeypatch.setattr(door, "_post", through)
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as running:
        settings.TWILIO_API_URL = running.url
        yield running


def found(**options: Any) -> dict[str, Finding]:
    with translation.override("en"):
        return {finding.code: finding for finding in examination.examine(clock.now(), **options)}


def run(*arguments: str) -> tuple[str, bool]:
    """What the command prints, and whether all is well."""
    out = io.StringIO()
    try:
        with translation.override("en"):
            call_command("doctor", *arguments, stdout=out, no_color=True)
    except CommandError:
        return out.getvalue(), False
    return out.getvalue(), True


class TestASoundInstallation:
    def test_gets_no_complaint(self, twilio: StandIn) -> None:
        says, well = run()

        assert well, says
        assert {finding.code for finding in found().values() if finding.level != Level.OK} == {"media_access"}
        assert "12 approved templates" in says
        assert not InboundWebhook.objects.exists()
        assert TWILIO_AUTH_TOKEN not in says

    def test_is_told_to_programs(self, twilio: StandIn) -> None:
        says, _well = run("--json")

        rows = json.loads(says)
        assert {"code", "level", "subject", "what", "fix"} == set(rows[0])
        assert {row["level"] for row in rows} <= set(Level)


class TestANumberWithAFlow:
    @pytest.fixture(autouse=True)
    def studio(self, twilio: StandIn, settings: Any) -> None:
        _flow()(twilio, settings, Sender.objects.get())

    def test_is_well_with_this_desk_in_front(self, twilio: StandIn) -> None:
        seen = found()

        assert (seen["flow"].level, seen["webhook"].level) == (Level.OK, Level.OK)

    def test_is_well_with_its_own_flow_in_front_and_left_so(self, twilio: StandIn) -> None:
        url = f"https://webhooks.twilio.com/v1/Accounts/{TWILIO_SID}/Flows/{FLOW}"
        twilio.console.sender["webhook"]["callback_url"] = url

        seen = found(fix=True)

        assert seen["webhook"].level == Level.OK
        assert "Studio" in seen["webhook"].what
        assert twilio.console.sender["webhook"]["callback_url"] == url


# What is planted: a change to Twilio's side or to ours. It gets (stand-in, settings, the sender).
def _token(twilio: StandIn, settings: Any, sender: Sender) -> None:
    twilio.change(twilio.account, token="another")


def _no_token(twilio: StandIn, settings: Any, sender: Sender) -> None:
    Sender.objects.update(account_sid="AC" + "8" * 32)


def _suspended(twilio: StandIn, settings: Any, sender: Sender) -> None:
    twilio.change(twilio.account, status="suspended")


def _down(twilio: StandIn, settings: Any, sender: Sender) -> None:
    settings.TWILIO_API_URL = "http://127.0.0.1:9"


def _sender(**changes: Any) -> Callable[[StandIn, Any, Sender], None]:
    def plant(twilio: StandIn, settings: Any, sender: Sender) -> None:
        twilio.console.sender |= changes

    return plant


def _webhook(**changes: Any) -> Callable[[StandIn, Any, Sender], None]:
    def plant(twilio: StandIn, settings: Any, sender: Sender) -> None:
        twilio.console.sender["webhook"] |= changes

    return plant


FLOW = "FW" + "1" * 32


def _flow(sid: str = FLOW, status: str = "published") -> Callable[[StandIn, Any, Sender], None]:
    def plant(twilio: StandIn, settings: Any, sender: Sender) -> None:
        twilio.studio.publish(FLOW, {}, status=status)
        Sender.objects.update(bot_engine="studio", flow_sid=sid)

    return plant


def _service(twilio: StandIn, settings: Any, sender: Sender) -> None:
    twilio.console.add_service(SERVICE, inbound=ELSEWHERE)


def _deaf_service(twilio: StandIn, settings: Any, sender: Sender) -> None:
    Sender.objects.update(messaging_service_sid=SERVICE)
    twilio.console.add_service(SERVICE, inbound=None, member=False)


def _no_service(twilio: StandIn, settings: Any, sender: Sender) -> None:
    Sender.objects.update(messaging_service_sid=SERVICE)


def _captured(twilio: StandIn, settings: Any, sender: Sender) -> None:
    twilio.console.capture_address(sender.address)


def _url(address: str) -> Callable[[StandIn, Any, Sender], None]:
    def plant(twilio: StandIn, settings: Any, sender: Sender) -> None:
        settings.APP_URL = address

    return plant


def _silent(twilio: StandIn, settings: Any, sender: Sender) -> None:
    WorkerHeartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=2))


def _paused(twilio: StandIn, settings: Any, sender: Sender) -> None:
    Sender.objects.update(paused="credentials_refused")


def _rotated(twilio: StandIn, settings: Any, sender: Sender) -> None:
    settings.TWILIO_AUTH_TOKEN_SECONDARY = twilio.account.token
    Sender.objects.update(secondary_signed_at=timezone.now())


def _unread(twilio: StandIn, settings: Any, sender: Sender) -> None:
    Reconciliation.objects.create(sender=sender, cause="refused", failing_since=timezone.now())


PLANTED: list[tuple[str, Level, Callable[[StandIn, Any, Sender], None], str]] = [
    ("credentials_refused", Level.ERROR, _token, "Copy both from Twilio's console"),
    ("no_token", Level.ERROR, _no_token, "Enter the token in the admin"),
    ("account_inactive", Level.ERROR, _suspended, "console says why"),
    ("twilio_unreachable", Level.ERROR, _down, "Check the network"),
    ("number_unknown", Level.ERROR, _sender(sender_id="whatsapp:+15550001111"), "Compare the number"),
    ("number_offline", Level.ERROR, _sender(status="OFFLINE"), "shows the reason"),
    ("quality_low", Level.WARNING, _sender(properties={"quality_rating": "LOW"}), "Write to fewer"),
    ("webhook_elsewhere", Level.ERROR, _webhook(callback_url=ELSEWHERE), "doctor --fix"),
    ("webhook_elsewhere", Level.ERROR, _webhook(callback_url=None), "doctor --fix"),
    ("webhook_method", Level.ERROR, _webhook(callback_method="PUT"), "method POST"),
    (
        "webhook_retries",
        Level.ADVICE,
        _webhook(callback_url="https://desk.example.com/api/twilio/webhook"),
        "#ct=2000",
    ),
    (
        "studio_answers",
        Level.ERROR,
        _webhook(callback_url=f"https://webhooks.twilio.com/v1/Accounts/{TWILIO_SID}/Flows/FW1"),
        "doctor --fix",
    ),
    ("flow_unknown", Level.ERROR, _flow(sid="FW" + "2" * 32), "SID of a published flow"),
    ("flow_unknown", Level.ERROR, _flow(sid=""), "TWILIO_FLOW_SID"),
    ("flow_draft", Level.ERROR, _flow(status="draft"), "Press Publish"),
    ("service_answers", Level.ERROR, _service, "take the number out of it"),
    ("service_answers", Level.ERROR, _deaf_service, "set its inbound address"),
    ("service_unknown", Level.ERROR, _no_service, "Correct or empty it"),
    ("conversations_answer", Level.ERROR, _captured, "Switch autocreation off"),
    (
        "address_private",
        Level.ERROR,
        _url("https://localhost:8000"),
        "Set APP_URL to the public https address",
    ),
    ("address_private", Level.ERROR, _url("https://10.0.0.7"), "Set APP_URL to the public https address"),
    ("address_not_https", Level.ERROR, _url("http://desk.example.com"), "Set APP_URL to the public https"),
    ("worker_silent", Level.ERROR, _silent, "manage.py serve"),
    ("paused", Level.ERROR, _paused, "empty the field"),
    ("rotation_can_end", Level.WARNING, _rotated, "Finish it"),
    ("list_unreadable", Level.WARNING, _unread, "tried again by itself"),
]


class TestTheDoctor:
    @pytest.mark.parametrize(
        ("code", "level", "plant", "fix"),
        PLANTED,
        ids=[f"{number}-{row[0]}" for number, row in enumerate(PLANTED)],
    )
    def test_finds_what_is_wrong_and_names_its_fix(
        self,
        twilio: StandIn,
        settings: Any,
        code: str,
        level: Level,
        plant: Callable[[StandIn, Any, Sender], None],
        fix: str,
    ) -> None:
        plant(twilio, settings, Sender.objects.get())

        seen = found()

        assert code in seen, seen
        assert seen[code].level == level
        assert fix in seen[code].fix
        assert "secret-of-theirs" not in str(seen)
        assert TWILIO_AUTH_TOKEN not in str(seen)

    def test_notices_a_clock_that_is_off(self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        late = clock.now() + timedelta(minutes=3)
        WorkerHeartbeat.objects.update(beat_at=late)
        with translation.override("en"):
            seen = {finding.code: finding for finding in examination.examine(late)}

        assert "timedatectl" in seen["clock_wrong"].fix

    def test_misses_migrations(self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "unapplied", lambda: ["conversations.0001_initial"])

        says, well = run()

        assert not well
        assert "manage.py migrate" in says

    def test_notices_a_database_that_forgets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        durable: dict[str, tuple[str, set[str], str]] = {
            name: (query, set(), wanted) for name, (query, _safe, wanted) in installation._DURABLE.items()
        }
        monkeypatch.setattr(installation, "_DURABLE", durable)

        with translation.override("en"):
            codes = [finding.code for finding in installation.database(clock.now())]

        assert "not_durable" in codes

    def test_sets_our_addresses_at_twilio_when_asked(self, twilio: StandIn) -> None:
        twilio.console.sender["webhook"] |= {"callback_url": ELSEWHERE, "callback_method": "PUT"}
        profile = twilio.console.sender["properties"]
        service = twilio.console.add_service(SERVICE, inbound=ELSEWHERE)
        assert {"webhook_elsewhere", "service_answers"} <= set(found())

        seen = found(fix=True)

        assert not {"webhook_elsewhere", "service_answers"} & set(seen)
        assert seen["webhook"].level == Level.OK
        ours = "https://desk.example.com/api/twilio/webhook#ct=2000&rt=4500&rc=2&rp=5xx,ct,rt"
        assert twilio.console.sender["webhook"]["callback_url"] == service["inbound_request_url"] == ours
        assert twilio.console.sender["properties"] == profile

    def test_invites_into_the_sandbox(self, twilio: StandIn) -> None:
        Sender.objects.update(address="whatsapp:+14155238886")

        says, well = run("--code", "red-fox")

        assert well, says
        assert "https://wa.me/14155238886?text=join%20red-fox" in says
        assert "▄" in says or "█" in says
        assert sandbox.picture("https://wa.me/14155238886?text=join%20").startswith("data:image/svg+xml")


class TestThePage:
    """Of supervisors, in the admin; about their own company."""

    @pytest.fixture
    def caio(self, client: Client) -> Client:
        client.force_login(builders.make_operator("caio", staff=True))
        return client

    def test_asks_nothing_before_somebody_wants_it(self, twilio: StandIn, caio: Client) -> None:
        assert caio.get("/admin/doctor/").status_code == 200
        assert twilio.requests() == []

    def test_shows_what_was_found_and_sets_the_addresses(self, twilio: StandIn, caio: Client) -> None:
        twilio.console.sender["webhook"]["callback_url"] = ELSEWHERE

        broken = caio.post("/admin/doctor/", {"do": "examine"}).content.decode()
        mended = caio.post("/admin/doctor/", {"do": "fix"}).content.decode()

        assert "other.example.com/hook" in broken
        assert "secret-of-theirs" not in broken
        assert 'value="fix"' in broken
        assert "other.example.com" not in mended
        assert AuditEntry.objects.filter(action="twilio.addresses_set").count() == 1
        assert TWILIO_AUTH_TOKEN not in broken + mended

    def test_tells_nothing_of_another_company(self, twilio: StandIn, client: Client) -> None:
        davi = builders.make_stranger()
        davi.is_staff = True
        davi.save()
        client.force_login(davi)
        Sender.objects.update(name="Loja do Caio")

        page = client.post("/admin/doctor/", {"do": "fix"}).content.decode()

        assert "Loja do Caio" not in page
        assert twilio.requests() == []

    def test_shows_the_code_of_the_sandbox(self, twilio: StandIn, caio: Client) -> None:
        Sender.objects.update(address="whatsapp:+14155238886")

        page = caio.post("/admin/doctor/", {"do": "examine"}).content.decode()

        assert 'src="data:image/svg+xml' in page


class TestTheWay:
    """Where between Twilio and us a signed request is lost."""

    @pytest.fixture
    def proxy(self, httpserver: HTTPServer, settings: Any) -> HTTPServer:
        settings.APP_URL = httpserver.url_for("").rstrip("/")
        return httpserver

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            ({"status": 403}, "door_refuses"),
            ({"status": 301, "headers": {"Location": "http://127.0.0.1:9/"}}, "door_redirects"),
            ({"response_data": "<html>Welcome to nginx"}, "door_elsewhere"),
            ({"status": 404}, "door_elsewhere"),
            ({"status": 502}, "door_elsewhere"),
        ],
    )
    def test_is_told_from_the_answer(self, proxy: HTTPServer, answer: dict[str, Any], code: str) -> None:
        proxy.expect_request(door.PATH).respond_with_data(**answer)

        [finding] = door.knock([make_sender()])

        assert finding.code == code
        assert finding.fix

    @pytest.mark.django_db(transaction=True)
    def test_leads_to_this_installation(self, live_server: Any, settings: Any) -> None:
        settings.APP_URL = live_server.url

        [finding] = door.knock([make_sender()])

        assert (finding.code, finding.level) == ("door", Level.OK)

    def test_ends_where_nobody_listens(self, settings: Any) -> None:
        settings.APP_URL = "http://127.0.0.1:9"

        [finding] = door.knock([make_sender()])

        assert finding.code == "door_unreachable"


class TestTheProbe:
    """The webhook's answer to the doctor."""

    def test_is_given_to_whoever_can_sign_and_stores_nothing(self, client: Any) -> None:
        sender = make_sender()
        form = probe.form(account_sid=sender.account_sid, address=sender.address)

        answer = post(client, form)

        assert answer.status_code == 200
        assert probe.answers(form, answer.content.decode())
        assert not InboundWebhook.objects.exists()

    def test_is_refused_to_everybody_else(self, client: Any) -> None:
        sender = make_sender()
        form = probe.form(account_sid=sender.account_sid, address=sender.address)

        assert post(client, form, token="a guess").status_code == 403
        assert post(client, form, signed=None).status_code == 403

    def test_never_takes_a_message_for_a_probe(self, client: Any) -> None:
        assert post(client, builders.form(**{probe.FIELD: "x"})).status_code == 200

        assert InboundWebhook.objects.count() == 1


def test_credentials_stay_out_of_an_account_that_is_printed() -> None:
    account = client.Account("AC1", "token-itself", key="SK1", secret="secret-itself")

    assert "itself" not in repr(account)
