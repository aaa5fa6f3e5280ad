"""What supervisors read above every page while a number is paused, and how they let it go on."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from conversations import clock, pauses
from conversations.models import AuditEntry, Conversation, Message, Sender
from conversations.twilio.errors import Trouble
from operators import presence
from operators.models import Operator
from tests.builders import make_held, make_operator, make_sender, make_stranger

pytestmark = pytest.mark.django_db

REFRESH = "/operator/troubles"


@pytest.fixture
def caio() -> Operator:
    return make_operator("caio", staff=True)


@pytest.fixture
def panel(client: Client, caio: Operator) -> Client:
    client.force_login(caio)
    return client


def paused(trouble: Trouble = Trouble.LOCKED, code: int = 63051) -> Sender:
    sender = make_sender()
    assert pauses.pause(sender, trouble, code=code, now=clock.now())
    return sender


def markup(response: Any) -> str:
    return str(response.content.decode())


class TestTheBanner:
    @pytest.mark.parametrize("page", ["/operator/", "/operator/team/", "/operator/work/"])
    def test_stands_above_every_page(self, panel: Client, page: str) -> None:
        assert 'class="trouble"' not in markup(panel.get(page))

        sender = paused()

        assert f'id="trouble-{sender.public_id}"' in markup(panel.get(page))

    def test_stands_above_an_open_chat(self, panel: Client, caio: Operator) -> None:
        held: Conversation = make_held(caio)
        paused()

        assert 'class="trouble"' in markup(panel.get(f"/operator/c/{held.public_id}/"))

    def test_is_nothing_to_operators(self, client: Client) -> None:
        client.force_login(make_operator("ana"))
        paused()

        assert 'class="trouble"' not in markup(client.get("/operator/"))

    def test_is_nothing_to_another_company(self, client: Client) -> None:
        make_sender()
        stranger = make_stranger()
        Operator.objects.filter(pk=stranger.pk).update(is_staff=True)
        client.force_login(Operator.objects.get(pk=stranger.pk))
        paused()

        assert 'class="trouble"' not in markup(client.get("/operator/"))

    @pytest.mark.parametrize("trouble", Trouble)
    def test_says_of_each_trouble_what_is_wrong_and_what_helps(self, panel: Client, trouble: Trouble) -> None:
        Sender.objects.filter(pk=make_sender().pk).update(name="Loja <Centro>")
        paused(trouble)

        page = markup(panel.get(REFRESH))

        assert "Loja &lt;Centro&gt;" in page
        assert "/docs/api/errors/63051" in page
        assert 'rel="noopener"' in page

    def test_is_asked_for_again_for_nothing(self, panel: Client) -> None:
        paused()
        tag = panel.get(REFRESH).headers["ETag"]

        assert panel.get(REFRESH, headers={"If-None-Match": tag}).status_code == 304

    def test_is_told_of_over_the_stream_to_supervisors_only(self, caio: Operator) -> None:
        before = presence.snapshot(clock.now()).told(caio.pk, caio.organization_id, staff=True)
        paused()

        now = presence.snapshot(clock.now())

        assert (before["troubles"], len(now.told(caio.pk, caio.organization_id, staff=True)["troubles"])) == (
            [],
            1,
        )
        assert "troubles" not in now.told(caio.pk, caio.organization_id)
        assert now.told(caio.pk, caio.organization_id + 1, staff=True)["troubles"] == []


class TestResuming:
    def test_lets_the_number_go_on_and_says_who_did(self, panel: Client, caio: Operator) -> None:
        sender = paused()

        answer = panel.post(f"/operator/senders/{sender.public_id}/resume", headers={"HX-Request": "true"})

        assert (answer.status_code, answer.headers["HX-Trigger"]) == (200, "console:done")
        assert Sender.objects.get().paused == ""
        entry = AuditEntry.objects.get(action="sender.resumed")
        assert (entry.actor_id, entry.subject_id) == (str(caio.public_id), str(sender.public_id))

    def test_is_told_to_whoever_comes_second(self, panel: Client) -> None:
        sender = make_sender()

        answer = panel.post(f"/operator/senders/{sender.public_id}/resume", headers={"HX-Request": "true"})

        assert (answer.status_code, answer.headers["HX-Trigger"]) == (409, "console:refused")
        assert not AuditEntry.objects.exists()


def test_an_operator_sees_that_their_line_waits(client: Client) -> None:
    ana = make_operator("ana")
    held = make_held(ana)
    said = Message.objects.filter(conversation=held, status="queued").latest("seq")
    client.force_login(ana)
    page = f"/operator/c/{held.public_id}/"
    before = markup(client.get(page))
    paused()

    bubble = markup(client.get(page)).partition(f'id="m-{said.public_id}"')[2].partition("</article>")[0]

    assert before.count('class="late"') == 0
    assert 'class="late"' in bubble
