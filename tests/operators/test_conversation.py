from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import clock, delivery
from conversations.models import (
    Attachment,
    Author,
    Conversation,
    Delivery,
    DeliveryState,
    Kind,
    Message,
    Mode,
    Queue,
    Status,
)
from operators import desk, drafts
from operators.models import Draft, Operator
from tests import builders

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def bia() -> Operator:
    operator = builders.make_operator("bia")
    operator.first_name, operator.last_name = "Bia", "Rocha"
    operator.save()
    return operator


def place(conversation: Conversation, action: str = "") -> str:
    return f"/operator/c/{conversation.public_id}/{action}"


def text(response: Any) -> str:
    return str(response.content.decode())


def reply(conversation: Conversation, body: str, **fields: Any) -> dict[str, Any]:
    return {"body": body, "epoch": conversation.epoch, "client_key": str(uuid4()), **fields}


def fail(conversation: Conversation, body: str, code: int) -> Message:
    """A reply that WhatsApp refused for good."""
    holder = conversation.operator
    assert holder is not None
    [message] = desk.reply(
        conversation,
        operator=holder,
        door="panel",
        body=body,
        epoch=conversation.epoch,
        client_key=None,
        now=clock.now(),
    )
    Message.objects.filter(pk=message.pk).update(status=Status.FAILED, error_code=code)
    Delivery.objects.filter(message=message).update(state=DeliveryState.FAILED, error_code=code, due_at=None)
    return message


class TestThePage:
    def test_does_not_exist_for_another_company(self, client: Client) -> None:
        conversation = builders.make_waiting()
        client.force_login(builders.make_stranger())

        for action in ("", "thread", "release"):
            assert client.get(place(conversation, action)).status_code == 404
        for action in ("claim", "send", "seen", "release"):
            assert client.post(place(conversation, action)).status_code == 404

    def test_does_not_exist_when_nobody_made_it(self, panel: Client) -> None:
        assert panel.get(f"/operator/c/{uuid4()}/").status_code == 404

    def test_shows_the_thread_and_a_labelled_reply_box(self, panel: Client, ana: Operator) -> None:
        page = text(panel.get(place(builders.make_held(ana))))

        assert "oi" in page
        assert '<label class="sr" for="message">Mensagem</label>' in page
        assert "Finalizar atendimento" in page
        assert "Quer trocar o endereço." in page

    def test_lets_one_take_over_from_the_bot(self, panel: Client) -> None:
        page = text(panel.get(place(builders.make_with_bot())))

        assert "Assumir conversa" in page
        assert 'id="composer"' not in page
        assert "Finalizar atendimento</span>" not in page

    def test_says_who_has_it(self, panel: Client, bia: Operator) -> None:
        page = text(panel.get(place(builders.make_held(bia))))

        assert "Bia já está atendendo" in page
        assert 'id="composer"' not in page

    def test_closes_with_the_window(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        past = clock.now() - timedelta(minutes=1)
        Conversation.objects.filter(pk=conversation.pk).update(window_expires_at=past)

        page = text(panel.get(place(conversation)))

        assert "A janela de 24 horas fechou" in page
        assert 'id="composer"' not in page

    def test_asks_at_most_eighteen_things_however_long_it_is(
        self, panel: Client, ana: Operator, bia: Operator, django_assert_max_num_queries: Any
    ) -> None:
        conversation = a_long_story(ana)

        with django_assert_max_num_queries(18):
            panel.get(place(conversation) + "?show=bot")

    def test_reads_back_in_pages(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        for number in range(55):
            builders.says(f"linha {number}")

        page = text(panel.get(place(conversation)))
        assert "linha 54" in page
        assert "linha 3<" not in page
        before = page.split("?before=")[1].split('"')[0]
        older = text(panel.get(place(conversation) + f"?before={before}", headers=FRAGMENT))

        assert "linha 3<" in older
        assert "linha 54" not in older

    def test_names_whoever_hides_their_number(self, panel: Client) -> None:
        builders.says("oi", address="whatsapp:BR.13491208655302741918", ProfileName="")

        assert "número oculto" in text(panel.get("/operator/?show=bot"))


def a_long_story(operator: Operator) -> Conversation:
    """Two services, media, quotes, and forty lines."""
    conversation = builders.make_held(operator)
    for number in range(40):
        builders.says(f"linha {number}")
    message = Message.objects.filter(conversation=conversation, author=Author.CUSTOMER).in_order().last()
    assert message is not None
    Message.objects.filter(pk=message.pk).update(kind=Kind.IMAGE)
    Attachment.objects.create(message=message, content_type="image/jpeg")
    client = Client()
    client.force_login(operator)
    client.post(place(conversation, "release"), {"outcome": "solved", "force": "1"})
    client.post(place(conversation, "claim"))
    return builders.fresh(conversation)


class TestTheThread:
    def test_is_nothing_while_nothing_changed(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        first = panel.get(place(conversation, "thread"), headers=FRAGMENT)

        again = panel.get(place(conversation, "thread"), headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert (again.status_code, again.content) == (304, b"")

    def test_brings_what_came_and_leaves_the_composer_alone(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        first = panel.get(place(conversation, "thread?dock=compose"), headers=FRAGMENT)
        builders.says("mais uma coisa")

        again = panel.get(
            place(conversation, "thread?dock=compose"), headers=FRAGMENT | {"If-None-Match": first["ETag"]}
        )

        assert "mais uma coisa" in text(again)
        assert "<textarea" not in text(again)

    def test_takes_the_composer_away_when_somebody_else_has_it(
        self, panel: Client, ana: Operator, bia: Operator
    ) -> None:
        response = panel.get(place(builders.make_held(bia), "thread?dock=compose"), headers=FRAGMENT)

        assert "Bia já está atendendo" in text(response)

    def test_shows_a_tick_that_changed(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        panel.post(place(conversation, "send"), reply(conversation, "Oi!"))
        first = panel.get(place(conversation, "thread"), headers=FRAGMENT)
        [said] = Message.objects.filter(conversation=conversation, author=Author.OPERATOR)
        delivery.discard(said, cause=desk.cause(ana, "panel"), now=clock.now())

        again = panel.get(place(conversation, "thread"), headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert again.status_code == 200
        assert " cut" in text(again)

    def test_asks_at_most_eleven_things(
        self, panel: Client, ana: Operator, django_assert_max_num_queries: Any
    ) -> None:
        conversation = a_long_story(ana)

        with django_assert_max_num_queries(11):
            panel.get(place(conversation, "thread?after=0"), headers=FRAGMENT)

    @pytest.mark.parametrize(
        ("kind", "extras", "shown"),
        [
            (Kind.AUDIO, {}, "Áudio"),
            (Kind.STICKER, {}, "Figurinha"),
            (Kind.UNSUPPORTED, {"type": "poll"}, "poll"),
            (Kind.LOCATION, {"location": {"latitude": -23.5, "longitude": -46.6}}, "-23.5, -46.6"),
            (Kind.FLOW, {"flow": {"cidade": "Santos"}}, "cidade: Santos"),
            (Kind.TEXT, {"referral": {"headline": "Promoção"}}, "Promoção"),
        ],
    )
    def test_says_what_came_when_it_is_not_text(
        self, panel: Client, ana: Operator, kind: Kind, extras: dict[str, Any], shown: str
    ) -> None:
        conversation = builders.make_held(ana)
        Message.objects.filter(conversation=conversation, author=Author.CUSTOMER).update(
            kind=kind, extras=extras, body=""
        )

        page = text(panel.get(place(conversation)))

        assert '<div class="card">' in page
        assert shown in page

    def test_marks_what_came_late_and_strikes_out_what_was_cancelled(
        self, panel: Client, ana: Operator
    ) -> None:
        conversation = builders.make_held(ana)
        panel.post(place(conversation, "send"), reply(conversation, "Esqueça"))
        Message.objects.filter(author=Author.CUSTOMER).update(late=True)
        Message.objects.filter(author=Author.OPERATOR).update(status=Status.CANCELLED)

        page = text(panel.get(place(conversation)))

        assert "chegou atrasada" in page
        assert " cut" in page


class TestAChatThatIsNoLongerMineToSee:
    @pytest.fixture
    def moved(self, ana: Operator) -> Conversation:
        """Ana had it open; now it is in a queue that she does not serve."""
        held = builders.make_held(ana)
        drafts.save(held, operator=ana, kind=Draft.Kind.REPLY, text="Vou ver", seen=0, now=clock.now())
        caio, queue = builders.make_operator("caio", staff=True), builders.make_queue("Financeiro")
        desk.transfer(
            held,
            by=desk.cause(caio, "panel"),
            author=caio,
            operator=ana,
            to=queue,
            note="É cobrança.",
            now=clock.now(),
        )
        return held

    def test_gives_way_to_a_card_that_keeps_what_was_typed(self, panel: Client, moved: Conversation) -> None:
        response = panel.get(place(moved, "thread?dock=compose"), headers=FRAGMENT)

        parts = text(response)
        assert response.status_code == 200
        assert int(response["X-Seq"]) > moved.seq
        assert 'data-dock="gone"' in parts
        assert "Vou ver" in parts
        assert "João" not in parts

    def test_says_it_once(self, panel: Client, moved: Conversation) -> None:
        again = panel.get(place(moved, "thread?dock=gone"), headers=FRAGMENT)

        assert (again.status_code, again.content) == (204, b"")

    def test_comes_back_as_a_whole(self, panel: Client, ana: Operator, moved: Conversation) -> None:
        ana.queues.set(Queue.objects.all())

        again = panel.get(place(moved, "thread?dock=gone"), headers=FRAGMENT)

        assert 'hx-target="#pane"' in text(again)
        assert int(again["X-Seq"]) > moved.seq

    def test_does_not_exist_beside_that(self, panel: Client, moved: Conversation) -> None:
        assert panel.get(place(moved, "thread?dock=compose")).status_code == 404
        for action in ("", "release", "transfer"):
            assert panel.get(place(moved, action), headers=FRAGMENT).status_code == 404
        assert panel.post(place(moved, "send"), reply(moved, "Oi"), headers=FRAGMENT).status_code == 404

    def test_is_to_a_stranger_as_what_nobody_made(self, client: Client, moved: Conversation) -> None:
        client.force_login(builders.make_stranger())
        told = []
        for public_id in (str(moved.public_id), str(uuid4())):
            with CaptureQueriesContext(connection) as asked:
                response = client.get(f"/operator/c/{public_id}/thread?dock=compose", headers=FRAGMENT)
            parts = text(response).replace(public_id, "")
            told.append(
                (response.status_code, sorted(response.headers), response["X-Seq"], parts, len(asked))
            )

        assert told[0] == told[1]


class TestClaim:
    def test_gives_me_the_chat(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_waiting()

        response = panel.post(place(conversation, "claim"))

        assert response.status_code == 303
        assert response["Location"] == place(conversation)
        assert builders.fresh(conversation).operator == ana

    def test_tells_the_loser_who_won(self, panel: Client, bia: Operator) -> None:
        conversation = builders.make_held(bia)

        response = panel.post(place(conversation, "claim"))

        assert response.status_code == 409
        assert "Bia já está atendendo" in text(response)

    def test_tells_it_to_htmx_in_parts(self, panel: Client, bia: Operator) -> None:
        response = panel.post(place(builders.make_held(bia), "claim"), {"dock": "waiting"}, headers=FRAGMENT)

        assert response.status_code == 409
        assert "<html" not in text(response)
        assert 'hx-target="#toasts"' in text(response)
        assert "Próximo da fila" in text(response)


class TestSend:
    def test_says_it_and_comes_back_to_the_page(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation, "send"), reply(conversation, "Bom dia, João!"))

        assert (response.status_code, response["Location"]) == (303, place(conversation))
        assert builders.bubbles(conversation)[-1].body == "Bom dia, João!"

    def test_says_it_once_however_often_it_is_sent(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        said = reply(conversation, "Bom dia!")

        panel.post(place(conversation, "send"), said)
        panel.post(place(conversation, "send"), said)

        assert [m.body for m in builders.bubbles(conversation)].count("Bom dia!") == 1

    def test_answers_htmx_with_the_bubble(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(
            place(conversation, "send"), reply(conversation, "Bom dia!", dock="compose"), headers=FRAGMENT
        )

        assert "Bom dia!" in text(response)
        assert "<textarea" not in text(response)

    @pytest.mark.parametrize(("body", "said"), [("   ", "Escreva algo"), ("x" * 20_001, "20000")])
    def test_refuses_what_cannot_be_sent(self, panel: Client, ana: Operator, body: str, said: str) -> None:
        conversation = builders.make_held(ana)

        response = panel.post(place(conversation, "send"), reply(conversation, body))

        assert response.status_code == 422
        assert said in text(response)
        assert body.strip() in text(response)

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_gives_the_text_back_when_somebody_else_has_it(
        self, panel: Client, ana: Operator, bia: Operator, headers: dict[str, str]
    ) -> None:
        conversation = builders.make_held(bia)

        response = panel.post(
            place(conversation, "send"),
            reply(conversation, "Meu texto longo", dock="compose"),
            headers=headers,
        )

        assert response.status_code == 409
        assert "Bia já está atendendo." in text(response)
        assert "Meu texto longo" in text(response)
        assert all(message.body != "Meu texto longo" for message in builders.bubbles(conversation))

    def test_refuses_an_epoch_that_has_passed(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        stale = reply(conversation, "Atrasada", epoch=conversation.epoch - 1)

        response = panel.post(place(conversation, "send"), stale)

        assert response.status_code == 409
        assert ">\nAtrasada</textarea>" in text(response)

    def test_keeps_the_key_of_a_refused_text(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        stale = reply(conversation, "Atrasada", epoch=0)

        assert stale["client_key"] in text(panel.post(place(conversation, "send"), stale))


class TestSeen:
    def test_counts_for_the_holder(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        builders.says("e aí?")

        panel.post(place(conversation, "seen"), {"seq": builders.fresh(conversation).seq})

        assert builders.fresh(conversation).unread == 0

    def test_counts_for_nobody_else(self, panel: Client, bia: Operator) -> None:
        conversation = builders.make_held(bia)
        builders.says("e aí?")
        before = builders.fresh(conversation).unread

        panel.post(place(conversation, "seen"), {"seq": 999})

        assert builders.fresh(conversation).unread == before > 0


class TestAFailedMessage:
    def test_says_why_and_offers_what_can_help(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        fail(conversation, "Prontinho!", 63017)

        page = text(panel.get(place(conversation)))

        assert "Tentar de novo" in page
        assert "Descartar" in page
        assert "63017" in page

    def test_offers_no_second_try_that_cannot_help(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        fail(conversation, "Prontinho!", 63024)

        page = text(panel.get(place(conversation)))

        assert "/retry/" not in page
        assert "Descartar" in page

    def test_offers_no_second_try_after_the_window(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        fail(conversation, "Prontinho!", 63017)
        past = clock.now() - timedelta(minutes=1)
        Conversation.objects.filter(pk=conversation.pk).update(window_expires_at=past)

        page = text(panel.get(place(conversation)))

        assert "/retry/" not in page
        assert "Descartar" in page

    def test_is_tried_again(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = fail(conversation, "Prontinho!", 63017)

        panel.post(place(conversation, f"retry/{message.public_id}"))

        message.refresh_from_db()
        assert message.status == Status.QUEUED

    def test_is_given_up(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = fail(conversation, "Prontinho!", 63024)

        panel.post(place(conversation, f"discard/{message.public_id}"))

        message.refresh_from_db()
        assert message.status == Status.CANCELLED

    def test_belongs_to_the_holder(self, panel: Client, bia: Operator) -> None:
        conversation = builders.make_held(bia)
        message = fail(conversation, "Prontinho!", 63017)

        assert panel.post(place(conversation, f"retry/{message.public_id}")).status_code == 404


def leave_unconfirmed(conversation: Conversation, body: str, *, ago: timedelta) -> Message:
    """A reply of which nobody knows whether Twilio took it."""
    message = fail(conversation, body, 0)
    Message.objects.filter(pk=message.pk).update(status=Status.UNKNOWN, error_code=None)
    row = Delivery.objects.filter(message=message)
    row.update(state=DeliveryState.UNKNOWN, error_code=None, unknown_since=clock.now() - ago)
    return message


class TestAnUnconfirmedMessage:
    LONG, SHORT = timedelta(seconds=61), timedelta(seconds=59)

    def test_says_so_and_is_left_alone_for_a_minute(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        leave_unconfirmed(conversation, "Prontinho!", ago=self.SHORT)

        page = text(panel.get(place(conversation)))

        assert "Confirmando" in page
        assert "A Twilio não confirmou" not in page

    def test_asks_for_a_look_after_that(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)

        page = text(panel.get(place(conversation)))

        assert "A mensagem pode ter chegado: confira antes de repetir." in page
        assert "Enviar de novo</button>" in page
        assert "Descartar</button>" in page

    def test_comes_into_doubt_on_a_page_that_stays_open(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.SHORT)
        first = panel.get(place(conversation, "thread"), headers=FRAGMENT)
        before = clock.now() - self.LONG
        Delivery.objects.filter(message=message).update(unknown_since=before)

        again = panel.get(place(conversation, "thread"), headers=FRAGMENT | {"If-None-Match": first["ETag"]})

        assert "A Twilio não confirmou" in text(again)

    @pytest.mark.parametrize("headers", [{}, FRAGMENT])
    def test_asks_before_it_is_sent_again(
        self, panel: Client, ana: Operator, headers: dict[str, str]
    ) -> None:
        conversation = builders.make_held(ana)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)

        asked = panel.get(place(conversation, f"retry/{message.public_id}"), headers=headers)

        assert "João vai receber duas vezes" in text(asked)
        assert 'name="unconfirmed" value="1"' in text(asked)
        assert ("<html" in text(asked)) is not bool(headers)
        message.refresh_from_db()
        assert message.status == Status.UNKNOWN

    def test_is_sent_again_on_a_persons_word(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)
        again = place(conversation, f"retry/{message.public_id}")

        refused = panel.post(again)
        message.refresh_from_db()
        assert (refused.status_code, message.status) == (409, Status.UNKNOWN)
        sent = panel.post(again, {"unconfirmed": "1"})

        message.refresh_from_db()
        assert (sent.status_code, message.status) == (303, Status.QUEUED)

    def test_is_not_asked_about_once_it_was_confirmed(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)
        Message.objects.filter(pk=message.pk).update(status=Status.DELIVERED)

        asked = panel.get(place(conversation, f"retry/{message.public_id}"), headers=FRAGMENT)

        assert asked.status_code == 409
        assert asked["HX-Trigger"] == "console:refused"

    def test_is_given_up(self, panel: Client, ana: Operator) -> None:
        conversation = builders.make_held(ana)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)

        panel.post(place(conversation, f"discard/{message.public_id}"))

        message.refresh_from_db()
        assert message.status == Status.CANCELLED

    def test_is_nobody_elses(self, panel: Client, bia: Operator) -> None:
        conversation = builders.make_held(bia)
        message = leave_unconfirmed(conversation, "Prontinho!", ago=self.LONG)

        assert "Enviar de novo" not in text(panel.get(place(conversation)))
        assert panel.get(place(conversation, f"retry/{message.public_id}")).status_code == 404


def test_every_door_wants_its_method(panel: Client, ana: Operator) -> None:
    conversation = builders.make_held(ana)

    for action in ("claim", "send", "seen"):
        assert panel.get(place(conversation, action)).status_code == 405
    assert panel.post(place(conversation, "thread")).status_code == 405
    assert builders.fresh(conversation).mode == Mode.HUMAN
