"""How often one may call: a minute's budget for each caller, and for an address that nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from handoffflow import env
from handoffflow.api import limits
from handoffflow.api.limits import Budgets, Known
from handoffflow.models import ApiKey, IdempotentRequest
from tests.api.calls import Api, caller, code, make_key
from tests.builders import make_operator, make_with_bot

NONSENSE = "hf_nonsense"


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time stands still but for what is told to pass."""
    now = [1000.0]
    monkeypatch.setattr(limits, "clock", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


class TestBudget:
    def test_holds_a_minute_and_refills_evenly(self) -> None:
        budgets = Budgets()

        at_once = [budgets.spend("crm", 6, 100.0) for _call in range(7)]
        later = [budgets.spend("crm", 6, now) for now in (109.9, 110.0, 110.0, 120.0)]

        assert [left.remaining for left in at_once] == [5, 4, 3, 2, 1, 0, 0]
        assert [left.wait for left in at_once] == [0, 0, 0, 0, 0, 0, 10]
        assert [left.wait > 0 for left in later] == [True, False, True, False]

    def test_is_whole_again_after_a_minute(self) -> None:
        budgets = Budgets()
        for _call in range(6):
            budgets.spend("crm", 6, 100.0)

        assert budgets.left("crm", 6, 160.0).full_in == 0
        assert [budgets.spend("crm", 6, 160.0).wait for _call in range(7)] == [0, 0, 0, 0, 0, 0, 10]

    def test_gives_no_more_than_twice_the_rate_in_any_minute(self) -> None:
        budgets = Budgets()

        passed = [budgets.spend("crm", 60, moment / 10).wait == 0 for moment in range(600)]

        assert sum(passed) == 60 + 59
        assert all(passed[:66])

    def test_takes_nothing_from_whoever_is_refused(self) -> None:
        budgets = Budgets()
        for _call in range(100):
            budgets.spend("crm", 6, 100.0)

        assert budgets.spend("crm", 6, 110.0).wait == 0

    def test_forgets_who_called_longest_ago(self) -> None:
        budgets = Budgets(most=2)
        for name in ("a", "b", "a", "c"):
            budgets.spend(name, 6, 100.0)

        assert [budgets.left(name, 6, 100.0).remaining for name in "abc"] == [4, 6, 5]

    def test_remembers_so_many_tokens(self) -> None:
        known = Known(most=2)
        for token in ("a", "b", "a", "c"):
            known.add(token)

        assert [token in known for token in "abc"] == [True, False, True]


@pytest.mark.django_db
class TestACaller:
    @pytest.fixture(autouse=True)
    def _three_a_minute(self, settings: Any, passes: Callable[[float], None]) -> None:
        settings.API_RATE = 3
        self.passes = passes

    def test_is_told_what_is_left(self) -> None:
        reader = caller("read")

        answers = [reader.get("/conversations") for _call in range(2)]

        assert [answer["RateLimit-Policy"] for answer in answers] == ['"minute";q=3;w=60'] * 2
        assert [answer["RateLimit"] for answer in answers] == ['"minute";r=2;t=20', '"minute";r=1;t=40']

    def test_is_refused_and_let_in_again(self) -> None:
        reader = caller("read")

        answers = [reader.get("/conversations") for _call in range(4)]
        self.passes(float(answers[3]["Retry-After"]))
        after = [reader.get("/conversations").status_code for _call in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert (code(answers[3]), answers[3]["Retry-After"]) == ("rate_limited", "20")
        assert answers[3]["RateLimit"] == '"minute";r=0;t=60'
        assert after == [200, 429]

    def test_slows_nobody_else_down(self) -> None:
        greedy, modest = caller("read"), caller("read")
        for _call in range(5):
            greedy.get("/conversations")

        assert modest.get("/conversations").status_code == 200

    def test_spends_on_what_is_refused_as_well(self) -> None:
        reader = caller("read")
        path = f"/conversations/{make_with_bot().public_id}/handoff/request"

        answers = [reader.post(path, {"reason": "x"}).status_code for _call in range(4)]

        assert answers == [403, 403, 403, 429]

    def test_with_a_session_has_a_budget_too(self) -> None:
        ana, bia = Client(), Client()
        ana.force_login(make_operator("ana"))
        bia.force_login(make_operator("bia"))

        answers = [Api(client=ana).get("/conversations").status_code for _call in range(4)]

        assert answers == [200, 200, 200, 429]
        assert Api(client=bia).get("/conversations").status_code == 200

    def test_may_repeat_what_was_refused_under_its_key(self) -> None:
        conversation, desk = make_with_bot(), caller("desk")
        path = f"/conversations/{conversation.public_id}/handoff/request"
        for _call in range(3):
            desk.post(path, {})

        refused = desk.post(path, {"reason": "x"}, key="k-1")
        self.passes(60)
        done = desk.post(path, {"reason": "x"}, key="k-1")

        assert (code(refused), done.status_code) == ("rate_limited", 201)
        assert "Idempotency-Replayed" not in done
        assert IdempotentRequest.objects.count() == 1

    def test_is_not_counted_where_there_is_no_limit(self, settings: Any) -> None:
        settings.API_RATE = 0
        reader, nobody = caller("read"), Api("hf_nonsense")

        answers = [reader.get("/conversations") for _call in range(5)]

        assert {answer.status_code for answer in answers} == {200}
        assert "RateLimit" not in answers[0]
        assert {nobody.get("/conversations").status_code for _call in range(limits.FAILURES + 2)} == {401}


@pytest.mark.django_db
class TestAStranger:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch, passes: Callable[[float], None]) -> None:
        monkeypatch.setattr(limits, "FAILURES", 3)
        self.passes = passes

    def guess(self, token: str | None = NONSENSE, address: str = "192.0.2.1") -> Any:
        api = Api(token, client=Client(REMOTE_ADDR=address))
        return api.get("/conversations")

    def test_is_refused_unread_after_too_many_guesses(self) -> None:
        guesses = [self.guess() for _time in range(4)]
        with mock.patch.object(ApiKey, "authenticate") as looked_up:
            unread = self.guess()

        assert [one.status_code for one in guesses] == [401, 401, 401, 429]
        assert (code(unread), unread["Retry-After"]) == ("rate_limited", "20")
        assert not looked_up.called

    def test_may_try_again_later(self) -> None:
        for _time in range(4):
            self.guess()
        self.passes(20)

        assert [self.guess().status_code for _time in range(2)] == [401, 429]

    def test_is_counted_without_a_token_as_well(self) -> None:
        assert [self.guess(None).status_code for _time in range(4)] == [401, 401, 401, 429]

    def test_does_not_shut_out_another_address(self) -> None:
        for _time in range(4):
            self.guess()

        assert self.guess(address="192.0.2.2").status_code == 401

    def test_has_one_budget_for_all_addresses_of_its_network(self) -> None:
        found = [self.guess(address=f"2001:db8::{number:x}").status_code for number in range(1, 5)]

        assert found == [401, 401, 401, 429]
        assert self.guess(address="2001:db8:0:1::1").status_code == 401

    def test_is_the_same_by_both_spellings_of_an_address(self) -> None:
        """As a socket for both kinds of address tells them."""
        found = [self.guess(address=f"::ffff:192.0.2.{last}").status_code for last in (1, 1, 1, 2)]

        assert found == [401, 401, 401, 401]
        assert self.guess(address="192.0.2.1").status_code == 429

    def test_does_not_shut_out_a_key_that_is_known_here(self) -> None:
        """Behind one proxy they share an address."""
        _key, old = make_key("read")
        _key, new = make_key("read")
        self.guess(old)
        for _time in range(4):
            self.guess()

        assert self.guess(old).status_code == 200
        assert self.guess(new).status_code == 429

    def test_is_whoever_was_known_until_the_key_was_revoked(self) -> None:
        key, token = make_key("read")
        self.guess(token)
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=key.created_at)
        for _time in range(3):
            self.guess()

        found = [self.guess(token).status_code for _time in range(2)]

        assert found == [429, 429]
        assert token not in limits.known


class TestSetting:
    @pytest.mark.parametrize("value", ["-1", "many", "1.5", "1000001", "9" * 20, "٣"])
    def test_is_a_whole_number(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_RATE", value)

        with pytest.raises(ImproperlyConfigured, match="API_RATE"):
            env.count("API_RATE", 600, most=1_000_000)

    @pytest.mark.parametrize(("value", "rate"), [("", 600), ("0", 0), ("1200", 1200)])
    def test_has_a_default(self, value: str, rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_RATE", value)

        assert env.count("API_RATE", 600, most=1_000_000) == rate
