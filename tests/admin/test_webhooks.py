"""Webhooks in the admin: made with a secret shown once, stopped, let go on, tried out and repeated."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from conversations import clock
from conversations.models import AuditEntry
from handoffflow.subscriptions import Notice, Pause, Subscription
from handoffflow.webhooks import keeping
from operators.models import Operator
from tests import builders

pytestmark = pytest.mark.django_db
PAGE, LOG = "/admin/handoffflow/subscription/", "/admin/handoffflow/notice/"
GIVEN = {"name": "CRM", "url": "https://crm.example.com/hooks", "kinds": "handoff.*, message.received"}


@pytest.fixture
def crm(caio: Operator) -> Subscription:
    return keeping.make(caio.organization, name="CRM", url=GIVEN["url"], kinds=[], now=clock.now())


def told(crm: Subscription, **changes: Any) -> Notice:
    return Notice.objects.create(subscription=crm, kind="handoff.claimed", created_at=clock.now(), **changes)


def act(client: Client, place: str, action: str, row: Any) -> str:
    answer = client.post(place, {"action": action, "index": "0", "_selected_action": [row.pk]}, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context.get("messages") or ())


class TestTheForm:
    def test_shows_the_secret_in_one_answer_and_nowhere_else(self, client: Client, caio: Operator) -> None:
        page = client.post(f"{PAGE}add/", GIVEN).content.decode()

        made = Subscription.objects.get()
        assert made.secret in page
        assert (made.kinds, made.organization) == (["handoff.*", "message.received"], caio.organization)
        later = client.get(PAGE).content.decode() + client.get(f"{PAGE}{made.pk}/change/").content.decode()
        assert made.secret not in later + str(client.cookies)
        assert made.secret not in str(list(LogEntry.objects.values())) + str(
            list(AuditEntry.objects.values())
        )
        assert "handoff.*, message.received" in later

    @pytest.mark.parametrize(
        "wrong",
        [
            {"url": "http://crm.example.com/"},
            {"url": "https://10.0.0.1/"},
            {"kinds": "everything"},
            {"secret": "short"},
            {"name": ""},
        ],
    )
    def test_refuses_what_would_not_work(self, client: Client, caio: Operator, wrong: dict[str, str]) -> None:
        page = client.post(f"{PAGE}add/", GIVEN | wrong)

        assert "errorlist" in page.content.decode()
        assert not Subscription.objects.exists()

    def test_changes_only_what_was_touched(self, client: Client, crm: Subscription) -> None:
        Subscription.objects.update(cursor="moved on", paused=Pause.GONE)
        secret = crm.secret

        client.post(f"{PAGE}{crm.pk}/change/", {"name": "ERP", "url": crm.url, "kinds": "", "secret": ""})

        crm.refresh_from_db()
        assert (crm.name, crm.cursor, crm.paused, crm.secret) == ("ERP", "moved on", "gone", secret)

    def test_takes_another_secret(self, client: Client, crm: Subscription) -> None:
        mine = "another-secret-of-more-than-32-letters"

        client.post(f"{PAGE}{crm.pk}/change/", {"name": "CRM", "url": crm.url, "kinds": "", "secret": mine})

        assert Subscription.objects.get().secret == mine

    def test_ends_it_with_its_log(self, client: Client, crm: Subscription) -> None:
        told(crm)

        client.post(f"{PAGE}{crm.pk}/delete/", {"post": "yes"})

        assert not Subscription.objects.exists()
        assert AuditEntry.objects.filter(action="subscription.deleted").exists()


class TestThePause:
    def test_that_came_by_itself_is_told_on_the_first_page_until_it_goes_on(
        self, client: Client, crm: Subscription
    ) -> None:
        assert "messagelist" not in client.get("/admin/").content.decode()
        keeping.pause(Subscription.objects.all(), Pause.FAILING, clock.now())
        assert "CRM" in client.get("/admin/").content.decode().split("messagelist")[1]

        act(client, PAGE, "resume", crm)

        assert "messagelist" not in client.get("/admin/").content.decode()
        assert AuditEntry.objects.get(action="subscription.resumed").actor_kind == "supervisor"

    def test_by_hand_needs_no_notice(self, client: Client, crm: Subscription) -> None:
        act(client, PAGE, "stop", crm)

        crm.refresh_from_db()
        assert crm.paused == Pause.BY_HAND
        assert "messagelist" not in client.get("/admin/").content.decode()

    def test_of_another_company_is_not_told(self, client: Client, caio: Operator) -> None:
        keeping.make(
            builders.make_stranger().organization, name="Rival", url=GIVEN["url"], kinds=[], now=clock.now()
        )
        keeping.pause(Subscription.objects.all(), Pause.GONE, clock.now())

        assert "Rival" not in client.get("/admin/").content.decode()


class TestTheLog:
    def test_says_what_became_of_each_and_repeats_it(self, client: Client, crm: Subscription) -> None:
        row = told(crm, state="failed", trouble="timeout", tries=9)
        page = client.get(LOG, {"state__exact": "failed"}).content.decode()
        assert "timeout" in page
        assert str(row.public_id) in page

        act(client, LOG, "replay", row)

        row.refresh_from_db()
        assert (row.state, row.tries) == ("waiting", 0)
        assert AuditEntry.objects.filter(action="notice.replayed").exists()

    def test_repeats_all_that_were_given_up(self, client: Client, crm: Subscription) -> None:
        told(crm, state="failed")
        told(crm, state="delivered")

        act(client, PAGE, "replay_failed", crm)

        assert sorted(Notice.objects.values_list("state", flat=True)) == ["delivered", "waiting"]

    def test_has_a_test_event_for_whoever_wants_to_see_one(self, client: Client, crm: Subscription) -> None:
        act(client, PAGE, "try_out", crm)

        assert Notice.objects.get().kind == "test"
