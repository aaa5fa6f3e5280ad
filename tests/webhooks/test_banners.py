"""A webhook that has paused itself is told of where supervisors look."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations import clock
from handoffflow.subscriptions import Pause, Subscription
from handoffflow.webhooks import keeping
from tests.builders import make_operator, make_sender, make_stranger

pytestmark = pytest.mark.django_db


def paused(why: Pause | None = Pause.FAILING) -> Subscription:
    organization, now = make_sender().organization, clock.now()
    made = keeping.make(organization, name="CRM <novo>", url="https://crm.example.com", kinds=[], now=now)
    if why:
        assert keeping.pause(Subscription.objects.filter(pk=made.pk), why, now) == 1
    return made


def troubles(client: Client, operator: str, *, staff: bool = True) -> str:
    client.force_login(make_operator(operator, staff=staff))
    return client.get("/operator/").content.decode()


@pytest.mark.parametrize("why", [Pause.FAILING, Pause.GONE])
def test_supervisors_read_of_it_above_every_page(client: Client, why: Pause) -> None:
    row = paused(why)

    page = troubles(client, "caio")

    assert f'id="trouble-webhook-{row.public_id}"' in page
    assert "CRM &lt;novo&gt;" in page
    assert f"/admin/handoffflow/subscription/{row.pk}/change/" in page
    client.force_login(make_operator("dora", staff=True))
    assert client.get(f"/admin/handoffflow/subscription/{row.pk}/change/").status_code == 200


@pytest.mark.parametrize("why", [None, Pause.BY_HAND])
def test_one_that_runs_or_was_switched_off_is_nothing_to_tell(client: Client, why: Pause | None) -> None:
    paused(why)

    assert "trouble-webhook" not in troubles(client, "caio")


def test_operators_and_other_companies_read_nothing(client: Client) -> None:
    paused()
    assert "trouble-webhook" not in troubles(client, "ana", staff=False)

    stranger = make_stranger()
    stranger.is_staff = True
    stranger.save()
    client.force_login(stranger)
    assert "trouble-webhook" not in client.get("/operator/").content.decode()
