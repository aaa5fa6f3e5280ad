"""What a message costs, through the real door: data statements, and one commit. Twilio waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Sender
from tests.builders import form, make_held, make_operator, make_sender, make_waiting, make_with_bot, says
from tests.signed import payload, post

pytestmark = pytest.mark.django_db(transaction=True)

FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET ", "START TRANSACTION")
Measure = Callable[[dict[str, str]], tuple[int, int]]


@pytest.fixture
def sender() -> Sender:
    return make_sender()


@pytest.fixture
def cost(client: Client, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Post it; how many data statements, and how many commits."""
    commits: list[bool] = []
    commit = connection._commit  # type: ignore[attr-defined]

    def count() -> None:
        commits.append(True)
        commit()

    def measure(params: dict[str, str]) -> tuple[int, int]:
        with monkeypatch.context() as counting, CaptureQueriesContext(connection) as queries:
            counting.setattr(connection, "_commit", count)
            response = post(client, params)
        assert response.status_code == 200
        data = [one["sql"] for one in queries if not one["sql"].upper().startswith(FRAME)]
        return len(data), len(commits)

    return measure


def test_a_known_customer_with_a_person_costs_eight_statements(cost: Measure) -> None:
    make_held(make_operator("ana"))

    statements, commits = cost(form("oi"))

    assert statements <= 8
    assert commits == 1


def test_a_known_customer_who_waits_costs_eight_statements(cost: Measure) -> None:
    make_waiting()

    statements, commits = cost(form("oi"))

    assert statements <= 8
    assert commits == 1


def test_a_known_customer_with_the_bot_costs_ten_statements(cost: Measure) -> None:
    make_with_bot()

    statements, commits = cost(form("e o prazo?"))

    assert statements <= 10
    assert commits == 1


def test_a_user_id_beside_the_phone_costs_no_more(cost: Measure) -> None:
    says("oi", ExternalUserId="whatsapp:BR.1")
    plain, _commits = cost(form("oi"))

    beside, _commits = cost(form("oi", ExternalUserId="whatsapp:BR.1"))

    assert beside == plain


def test_a_first_contact_costs_sixteen_statements(cost: Measure) -> None:
    statements, commits = cost(payload("text"))

    assert statements <= 16
    assert commits == 1


def test_a_request_for_a_person_is_one_commit(cost: Measure) -> None:
    make_with_bot()

    _statements, commits = cost(form("atendente"))

    assert commits == 1


def test_a_duplicate_costs_no_more_than_the_first(cost: Measure) -> None:
    make_with_bot()
    params = form("oi")
    first, _commits = cost(params)

    again, _commits = cost(params)

    assert again <= first


def test_what_is_not_signed_costs_one_look(client: Client, sender: Sender) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert post(client, form("oi"), signed="nonsense").status_code == 403

    assert len(queries) == 1
