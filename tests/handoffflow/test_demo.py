"""The demo: made once, only where it belongs, every state in it, and nothing of it ever leaves."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from conversations import clock
from conversations.models import (
    BotAnswer,
    BotTurn,
    Conversation,
    Delivery,
    Handoff,
    Message,
    Mode,
    Queue,
    Sender,
    Status,
)
from handoffflow import demo, seeding
from operators import desk
from operators.models import CannedReply, Operator, Reason

pytestmark = pytest.mark.django_db


@pytest.fixture
def debugging(settings: Any) -> Any:
    """As `make run` has it: DEBUG, and no account of Twilio's."""
    settings.DEBUG = True
    settings.TWILIO_SID = settings.TWILIO_AUTH_TOKEN = ""
    return settings


def run() -> str:
    said = StringIO()
    call_command("demo", stdout=said)
    return said.getvalue()


class TestDemo:
    def test_is_refused_on_a_real_installation(self, settings: Any) -> None:
        settings.DEBUG = False

        with pytest.raises(CommandError, match="DEBUG"):
            run()

        assert not Operator.objects.exists()

    def test_makes_the_team(self, debugging: Any) -> None:
        run()

        team = {operator.username: operator for operator in Operator.objects.all()}
        assert {name: person.is_staff for name, person in team.items()} == {
            "ana": False,
            "bia": False,
            "caio": True,
        }
        assert all(person.check_password("demo") and person.queues.exists() for person in team.values())
        assert team["ana"].get_full_name() == "Ana Martins"

    def test_writes_canned_replies_once(self, debugging: Any) -> None:
        run()
        CannedReply.objects.filter(code="ola").delete()
        run()

        offered = CannedReply.objects.values_list("code", "queue__name")
        assert ("boleto", "Atendimento") in offered
        assert ("encerrar", None) in offered
        assert "ola" not in dict(offered)

    @pytest.mark.parametrize("username", ["ana", "bia", "caio"])
    def test_lets_each_of_them_in(self, debugging: Any, client: Client, username: str) -> None:
        run()

        response = client.post("/accounts/login/", {"username": username, "password": "demo"})

        assert response["Location"] == "/operator/"
        assert client.get("/operator/").status_code == 200

    def test_shows_every_state(self, debugging: Any) -> None:
        run()
        now = clock.now()
        conversations = Conversation.objects.with_parties()
        ana, bia = (Operator.objects.get(username=username) for username in ("ana", "bia"))

        assert conversations.filter(mode=Mode.BOT).count() >= 2
        assert len({c.waiting_since for c in conversations.queued()}) >= 2
        assert conversations.held_by(ana).filter(unread__gt=0).exists()
        assert conversations.held_by(bia).exists()
        assert [c for c in conversations.human() if not c.window_open(now)]
        assert Message.objects.filter(status=Status.FAILED).count() == 1
        assert Handoff.objects.filter(outcome="solved", open_for=None).exists()

    def test_shows_what_a_team_knows_of_its_customers(self, debugging: Any, client: Client) -> None:
        run()
        juliana = Conversation.objects.get(contact__name="Juliana Prado")
        client.post("/accounts/login/", {"username": "ana", "password": "demo"})

        page = client.get(f"/operator/c/{juliana.public_id}/").content.decode()

        assert "Cliente frequente" in page
        assert "Recebe só depois das 19h." in page
        assert "123.456.789-09" in page
        assert f"https://casaaurora.example/clientes?fone={5511987654321}" in page

    def test_leaves_every_operator_three_free_places(self, debugging: Any) -> None:
        run()

        for operator in Operator.objects.all():
            assert operator.capacity - Conversation.objects.held_by(operator).count() >= 3

    def test_happened_before_now_and_in_order(self, debugging: Any) -> None:
        run()
        now = clock.now()

        for conversation in Conversation.objects.all():
            times = list(conversation.messages.in_order().values_list("occurred_at", flat=True))
            assert times == sorted(times)
            assert times[-1] <= now

    def test_leaves_nothing_to_send_or_to_answer(self, debugging: Any) -> None:
        run()

        assert not Delivery.objects.unsettled().exists()
        assert not BotTurn.objects.exclude(open_for=None).exists()
        assert all(sender.demo for sender in Sender.objects.filter(conversations__isnull=False))

    def test_keeps_its_customers_on_a_number_nobody_can_sign_for(self, debugging: Any) -> None:
        run()

        assert Sender.objects.get(demo=True).verifying_tokens == []

    def test_can_be_worked_with(self, debugging: Any) -> None:
        run()
        ana = Operator.objects.get(username="ana")

        taken = desk.claim_next(ana, door="panel", now=clock.now())

        assert taken is not None
        assert Conversation.objects.get(pk=taken.pk).operator == ana

    def test_is_made_once(self, debugging: Any) -> None:
        run()
        Operator.objects.filter(username="ana").update(first_name="Aninha")
        Reason.objects.filter(code="spam").delete()
        BotAnswer.objects.all().delete()
        before = Conversation.objects.count(), Message.objects.count()

        said = run()

        assert "already" in said
        assert (Conversation.objects.count(), Message.objects.count()) == before
        assert Operator.objects.get(username="ana").first_name == "Aninha"
        assert not Reason.objects.filter(code="spam").exists()
        assert not BotAnswer.objects.exists()

    def test_has_no_customers_beside_a_real_account(self, settings: Any) -> None:
        settings.DEBUG = True

        said = run()

        assert "no demo customers" in said
        assert Operator.objects.count() == 3
        assert not Conversation.objects.exists()
        assert list(Sender.objects.values_list("demo", flat=True)) == [False]

    def test_takes_the_simulators_own_account_for_what_it_is(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.DEBUG = True
        kept = {"secret_key": "", "simulator_sid": settings.TWILIO_SID, "simulator_token": ""}
        monkeypatch.setattr("handoffflow.secrets.kept", lambda *args, **kwargs: kept)

        run()

        assert Conversation.objects.exists()
        assert Sender.objects.get(demo=False).name == demo.SHOP


class TestDefaults:
    def test_begin_an_installation_with_what_it_needs(self) -> None:
        organization = seeding.defaults()

        queue = Queue.objects.get()
        reasons = Reason.objects.filter(organization=organization).order_by("order")
        assert (queue.name, queue.is_default) == ("Atendimento", True)
        assert [reason.code for reason in reasons] == ["solved", "customer_left", "not_solved", "spam"]
        assert [reasons[0].label(language) for language in ("pt-br", "en", "es")] == [
            "Resolvido",
            "Solved",
            "Resuelto",
        ]

    def test_invent_nothing_about_a_real_company(self) -> None:
        seeding.defaults()

        answers = BotAnswer.objects.filter(sender__demo=False)
        assert {answer.language for answer in answers} == {"pt-br", "en", "es"}
        assert all(answer.hands_over for answer in answers)

    def test_leave_alone_what_was_set_since(self) -> None:
        organization = seeding.defaults()
        Reason.objects.exclude(code="solved").delete()
        Queue.objects.update(name="Vendas")
        BotAnswer.objects.all().delete()

        seeding.defaults()

        assert Reason.objects.get(organization=organization).code == "solved"
        assert Queue.objects.get().name == "Vendas"
        assert not BotAnswer.objects.exists()

    def test_need_no_account(self, settings: Any) -> None:
        settings.TWILIO_SID = ""

        seeding.defaults()

        assert Queue.objects.exists()
        assert not Sender.objects.exists()
