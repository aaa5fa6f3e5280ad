"""What a flow runs ends when a person is wanted, and starts with how the service ended; once, whatever breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from conversations import clock, flowfiles, handoffs, intake, questions, work
from conversations.bots.base import HandoffRequest
from conversations.models import BotTurn, Handoff, InboundWebhook, Mode, Sender, StudioCall
from conversations.twilio import client, studio
from conversations.twilio.reading import CannotRead
from handoffflow.simulator.callbacks import inbound_form
from handoffflow.simulator.standin import StandIn
from tests import builders
from tests.builders import JOAO, form, make_operator, says, thread
from tests.conversations.studio import FLOW, MENU, finishes, heard, make_studio_sender, running, takes
from tests.standin import build

pytestmark = pytest.mark.django_db
BIA = "whatsapp:+5511911112222"


@pytest.fixture
def twilio(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A published flow; no webhook reaches us by itself, and nothing but executions is worked on."""
    with build(tmp_path / "simulator.sqlite3", webhook_base="http://127.0.0.1:9") as standin:
        settings.TWILIO_API_URL = standin.url
        standin.meet(JOAO)
        standin.studio.publish(FLOW, flowfiles.document("in-front"))
        make_studio_sender()
        work.load_handlers()
        only = {name: work.handlers[name] for name in ("execution", "studio")}
        monkeypatch.setattr(work, "handlers", only)
        yield standin


def reaches_the_flow(twilio: StandIn, body: str = "oi", *, address: str = JOAO) -> None:
    """The message is stored here and was handed on to Studio."""
    sid = twilio.receive(address, body, deliver=False)
    message = twilio.ledger.message(sid)
    assert message is not None
    given = inbound_form(twilio.ledger, twilio.account, message, api_url=twilio.url)
    raw = intake.receive(given, sender=Sender.objects.get(), now=clock.now())
    assert raw.reason == InboundWebhook.TO_STUDIO
    twilio.studio.deliver(twilio.account, FLOW, given, {})


def worked(*, after: float = 0) -> None:
    """The worker's look at what is due by then: one attempt at each."""
    now = clock.now() + timedelta(seconds=after)
    due = [
        (handler, row)
        for handler in work.handlers.values()
        for row in work.claim_due(handler, now, limit=10)[0]
    ]

    async def run() -> None:
        for handler, row in due:
            await work.handle(handler, row, now)
        await client.close()

    async_to_sync(run)()


def ends_asked(twilio: StandIn) -> int:
    return sum(one["method"] == "POST" and "/Executions/FN" in one["path"] for one in twilio.requests())


def starts_asked(twilio: StandIn) -> list[dict[str, Any]]:
    path = f"/v2/Flows/{FLOW}/Executions"
    asked = [one for one in twilio.requests() if (one["method"], one["path"]) == ("POST", path)]
    return [json.loads(one["form"]["Parameters"][0]) for one in asked]


def asks_for_a_person() -> None:
    request = HandoffRequest(reason="api")
    handoffs.request(thread(), cause=builders.CUSTOMER, request=request, now=clock.now())


def fails(
    monkeypatch: pytest.MonkeyPatch, name: str, *, status: int = 0, times: int = 1, first: bool = True
) -> None:
    """The next calls break: before Twilio heard of them, or (``first`` False) when it had done what was asked."""
    real, left = getattr(studio, name), [times]

    async def broken(*args: Any, **given: Any) -> Any:
        if not left[0]:
            return await real(*args, **given)
        left[0] -= 1
        if not first:
            await real(*args, **given)
        raise CannotRead("broken", status=status)

    monkeypatch.setattr(studio, name, broken)


class TestAHandoff:
    @pytest.mark.parametrize("how", ["asked", "taken", "silence"])
    def test_ends_what_runs(self, twilio: StandIn, how: str) -> None:
        reaches_the_flow(twilio)
        assert running(twilio) == ["menu"]

        if how == "asked":
            asks_for_a_person()
        elif how == "taken":
            takes(make_operator("ana"))
        else:
            says("parar")
        worked()

        assert running(twilio) == []

    def test_leaves_other_customers_alone(self, twilio: StandIn) -> None:
        reaches_the_flow(twilio)
        reaches_the_flow(twilio, address=BIA)

        asks_for_a_person()
        worked()

        assert (running(twilio), running(twilio, BIA)) == ([], ["menu"])

    def test_calls_nobody_in_its_own_transaction(self, twilio: StandIn) -> None:
        reaches_the_flow(twilio)

        asks_for_a_person()

        assert twilio.requests() == []
        assert StudioCall.objects.get().due_at is not None

    @pytest.mark.parametrize("looks", [5, 30])
    def test_ends_what_a_message_on_its_way_begins_a_moment_later(self, twilio: StandIn, looks: int) -> None:
        says("oi")
        asks_for_a_person()
        worked()
        if looks == 30:
            worked(after=6)
        twilio.studio.deliver(twilio.account, FLOW, form("oi"), {})
        assert running(twilio) == ["menu"]

        worked(after=looks + 6)

        assert running(twilio) == []

    def test_is_done_after_three_looks(self, twilio: StandIn) -> None:
        reaches_the_flow(twilio)
        asks_for_a_person()
        for after in (0, 6, 40):
            assert StudioCall.objects.get().due_at is not None
            worked(after=after)

        assert StudioCall.objects.get().due_at is None
        assert ends_asked(twilio) == 1

    def test_tries_on_until_twilio_answers(self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        reaches_the_flow(twilio)
        fails(monkeypatch, "running", times=4)
        fails(monkeypatch, "end", times=1)
        asks_for_a_person()

        for after in (0, 2, 10, 30, 60):
            worked(after=after)
            assert running(twilio) == ["menu"]
        worked(after=120)

        assert running(twilio) == []

    def test_goes_on_after_a_worker_died_of_it(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its row is leased, and nobody else has it until that is over."""
        reaches_the_flow(twilio)
        asks_for_a_person()
        rows, _next = work.claim_due(work.handlers["execution"], clock.now(), limit=10)
        assert len(rows) == 1
        worked()
        assert running(twilio) == ["menu"]

        StudioCall.objects.update(leased_until=clock.now() - timedelta(seconds=1))
        worked()

        assert running(twilio) == []

    def test_is_over_where_the_flow_is_gone(self, twilio: StandIn) -> None:
        says("oi")
        Sender.objects.update(flow_sid="FW" + "9" * 32)
        asks_for_a_person()

        for after in (0, 6, 40):
            worked(after=after)

        assert StudioCall.objects.get().due_at is None

    def test_leaves_what_began_after_the_customer_was_back(self, twilio: StandIn) -> None:
        reaches_the_flow(twilio)
        asks_for_a_person()
        handoffs.cancel(thread(), cause=builders.CUSTOMER, now=clock.now())
        before = clock.now() - timedelta(seconds=2)
        StudioCall.objects.update(asked_at=before)
        Handoff.objects.update(released_at=before)
        old = twilio.studio.executions()[0]["sid"]
        twilio.studio.end(old)
        twilio.studio.deliver(twilio.account, FLOW, form("oi"), {})

        worked()

        assert running(twilio) == ["menu"]

    def test_of_yesterday_does_not_keep_the_flow_from_falling_silent(self, twilio: StandIn) -> None:
        ana = make_operator("ana")
        says("oi")
        takes(ana)
        finishes(ana, resume="close")
        Handoff.objects.update(released_at=clock.now() - timedelta(days=1))
        reaches_the_flow(twilio)
        says("parar")

        worked()

        assert running(twilio) == []

    def test_leaves_what_a_customer_began_who_asked_for_silence_before(self, twilio: StandIn) -> None:
        reaches_the_flow(twilio)
        says("parar")
        worked()
        StudioCall.objects.update(asked_at=clock.now() - timedelta(seconds=2))
        reaches_the_flow(twilio, "voltei")

        worked(after=40)

        assert running(twilio) == ["menu"]

    def test_of_a_number_with_another_bot_owes_nothing(self, twilio: StandIn) -> None:
        Sender.objects.update(bot_engine="rules")
        says("oi")

        asks_for_a_person()

        assert not StudioCall.objects.exists()


class TestARelease:
    @pytest.fixture(autouse=True)
    def served(self, twilio: StandIn) -> None:
        says("oi")
        self.ana = make_operator("ana")
        takes(self.ana)
        for after in (0, 6, 40):
            worked(after=after)

    def test_with_the_bot_to_speak_starts_the_flow_with_what_was_settled(self, twilio: StandIn) -> None:
        says("obrigado")
        finishes(self.ana, resume="bot_now")
        worked()

        [told] = starts_asked(twilio)
        assert (told["released"], told["outcome"], told["summary"]) == ("true", "solved", "Endereço trocado.")
        assert (told["promises"], told["resume"], told["kind"]) == (["Ligar amanhã"], "bot_now", "released")
        assert told["human_started_at"] < told["human_ended_at"]
        assert [line["text"] for line in told["messages_since"]] == ["obrigado"]
        assert told["operator"] == str(self.ana.public_id)
        assert heard(twilio) == ["Seu atendimento foi finalizado. Endereço trocado.", MENU]
        assert Handoff.objects.get().told_at is not None
        assert BotTurn.objects.get().open_for is None

    def test_that_waits_starts_it_with_the_customers_next_words(self, twilio: StandIn) -> None:
        finishes(self.ana, resume="wait")
        worked()
        assert starts_asked(twilio) == []

        says("e o meu pedido?")
        says("o A-1027")
        worked(after=5)

        [told] = starts_asked(twilio)
        assert (told["message"], told["resume"]) == ("e o meu pedido?\no A-1027", "wait")
        assert told["human_ended_at"]
        assert questions_left() is None

    def test_tells_it_once(self, twilio: StandIn) -> None:
        finishes(self.ana, resume="wait")
        says("oi de novo")
        worked(after=5)

        raw = says("1")

        assert raw.reason == InboundWebhook.TO_STUDIO
        assert len(starts_asked(twilio)) == 1

    def test_that_closes_starts_nothing(self, twilio: StandIn) -> None:
        finishes(self.ana, resume="close")
        worked(after=5)
        raw = says("oi")

        assert raw.reason == InboundWebhook.TO_STUDIO
        assert starts_asked(twilio) == []

    def test_ends_what_stands_in_its_way_and_tries_again(self, twilio: StandIn) -> None:
        twilio.studio.deliver(twilio.account, FLOW, form("oi"), {})
        stuck = twilio.studio.executions()[0]["sid"]
        finishes(self.ana, resume="bot_now")

        worked()

        states = {row["sid"]: row["status"] for row in twilio.studio.executions()}
        assert states.pop(stuck) == "ended"
        assert list(states.values()) == ["active"]
        assert len(starts_asked(twilio)) == 2

    def test_gives_up_when_something_always_stands_in_its_way(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(*_given: Any, **_more: Any) -> None:
            return None

        monkeypatch.setattr(studio, "end", never)
        twilio.studio.deliver(twilio.account, FLOW, form("oi"), {})
        finishes(self.ana, resume="bot_now")

        worked()

        assert len(starts_asked(twilio)) == 2
        assert (thread().mode, Handoff.objects.order_by("-number")[0].reason) == (Mode.QUEUED, "bot_failure")

    def test_whose_answer_was_lost_starts_nothing_twice(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails(monkeypatch, "start", first=False)
        finishes(self.ana, resume="bot_now")

        worked()
        worked(after=5)

        assert len(starts_asked(twilio)) == 1
        assert heard(twilio).count(MENU) == 1
        assert Handoff.objects.get().told_at is not None

    def test_that_never_reached_twilio_is_tried_again(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails(monkeypatch, "start")
        finishes(self.ana, resume="bot_now")

        worked()
        assert heard(twilio) == []
        worked(after=5)

        assert heard(twilio)[-1] == MENU

    def test_goes_to_a_person_when_the_flow_cannot_be_started(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails(monkeypatch, "start", times=3)
        finishes(self.ana, resume="bot_now")
        for after in (0, 5, 30):
            worked(after=after)

        newest = Handoff.objects.order_by("-number")[0]
        assert (newest.reason, thread().mode) == ("bot_failure", Mode.QUEUED)
        assert Handoff.objects.get(number=1).told_at is None

    def test_goes_to_a_person_although_the_customer_writes_on(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each message begins the attempts anew."""
        fails(monkeypatch, "start", times=20)
        finishes(self.ana, resume="bot_now")

        for after in range(0, 60, 10):
            worked(after=after)
            if thread().mode == Mode.QUEUED:
                break
            says("alô?")

        assert (thread().mode, after) == (Mode.QUEUED, 40)

    def test_goes_to_a_person_at_once_when_there_is_no_such_flow(self, twilio: StandIn) -> None:
        Sender.objects.update(flow_sid="FW" + "9" * 32)
        finishes(self.ana, resume="bot_now")

        worked()

        assert thread().mode == Mode.QUEUED

    def test_that_is_overtaken_by_a_person_ends_what_it_started(
        self, twilio: StandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody takes the customer while Twilio is being called, and everything owed for that was done."""
        real = studio.start

        async def taken_meanwhile(*args: Any, **given: Any) -> str:
            await work.in_thread(takes, self.ana)
            await work.in_thread(lambda: StudioCall.objects.update(due_at=None))
            return await real(*args, **given)

        monkeypatch.setattr(studio, "start", taken_meanwhile)
        finishes(self.ana, resume="bot_now")
        worked()
        assert running(twilio) == ["menu"]

        worked()

        assert (running(twilio), thread().mode) == ([], Mode.HUMAN)


def questions_left() -> Handoff | None:
    return questions.to_tell(thread())
