"""Webhooks over the API: made, changed, stopped and repeated by whoever may administrate, of their own company."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from conversations import clock
from conversations.models import AuditEntry
from handoffflow.models import IdempotentRequest
from handoffflow.subscriptions import Notice, NoticeState, Subscription
from handoffflow.webhooks import keeping
from tests import builders
from tests.api.calls import ROOT, Api, bot, caller, code, fields
from tests.builders import make_operator, make_sender, make_stranger

pytestmark = pytest.mark.django_db
URL = "https://crm.example.com/hooks"
GIVEN = {"name": "CRM", "url": URL, "events": ["handoff.*"]}
MINE = "a secret of my own, 32 characters!".replace(" ", "-")


def make(api: Api, **changes: Any) -> dict[str, Any]:
    made = api.post("/subscriptions", GIVEN | changes)
    assert made.status_code == 201, made.content
    found: dict[str, Any] = made.json()
    return found


def send(api: Api, method: str, path: str, body: Any = None) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    return api.client.generic(method, ROOT + path, data, content_type="application/json", headers=api.headers)


def told(subscription: dict[str, Any], **changes: Any) -> Notice:
    row = Subscription.objects.get(public_id=subscription["id"])
    return Notice.objects.create(
        **{"subscription": row, "kind": "handoff.claimed", "created_at": clock.now()} | changes
    )


class TestASubscription:
    def test_is_made_with_a_secret_that_is_shown_once(self) -> None:
        api = caller("admin")
        made = make(api)

        shown = api.get(f"/subscriptions/{made['id']}").json()
        assert len(made.pop("secret")) >= 32
        assert shown == made == api.get("/subscriptions").json()["items"][0]
        assert (shown["active"], shown["paused"], shown["events"]) == (True, None, ["handoff.*"])
        assert AuditEntry.objects.get(action="subscription.added").subject_id == made["id"]

    def test_is_made_once_under_one_key_and_its_secret_is_kept_encrypted(self) -> None:
        api = caller("admin")

        first, again = (api.post("/subscriptions", GIVEN, key="k") for _ in range(2))

        assert first.json() == again.json()
        assert Subscription.objects.count() == 1
        assert first.json()["secret"] not in IdempotentRequest.objects.get().body

    def test_may_have_a_secret_of_ones_own(self) -> None:
        made = make(caller("admin"), secret=MINE)

        assert made["secret"] == Subscription.objects.get().secret == MINE

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("http://crm.example.com/", "scheme"),
            ("https://127.0.0.1/", "private"),
            ("https://me:word@crm.example.com/", "credentials"),
            ("crm", "scheme"),
            ("https://crm.example.com/a b", "form"),
        ],
    )
    def test_needs_an_address_that_may_be_called(self, url: str, why: str) -> None:
        api = caller("admin")

        assert fields(api.post("/subscriptions", GIVEN | {"url": url})) == [("url", why)]
        made = make(api)
        assert fields(send(api, "PATCH", f"/subscriptions/{made['id']}", {"url": url})) == [("url", why)]

    @pytest.mark.parametrize(
        "wrong",
        [{"events": ["*"]}, {"events": ["Handoff.x"]}, {"secret": "short"}, {"name": " "}, {"color": "red"}],
    )
    def test_refuses_what_it_does_not_understand(self, wrong: dict[str, Any]) -> None:
        assert code(caller("admin").post("/subscriptions", GIVEN | wrong)) == "invalid"

    def test_is_one_of_at_most_fifty(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keeping, "MOST", 1)
        api = caller("admin")
        make(api)

        refused = api.post("/subscriptions", GIVEN)

        assert (code(refused), refused.json()["limit"]) == ("too_many_subscriptions", 1)

    def test_changes_in_what_is_given(self) -> None:
        api = caller("admin")
        made = make(api)

        changed = send(api, "PATCH", f"/subscriptions/{made['id']}", {"events": [], "secret": MINE})

        assert changed.json() == {**{k: v for k, v in made.items() if k != "secret"}, "events": []}
        assert Subscription.objects.get().secret == MINE
        assert AuditEntry.objects.get(action="subscription.changed").data["fields"] == ["kinds", "secret"]
        assert code(send(api, "PATCH", f"/subscriptions/{made['id']}", {"name": None})) == "invalid"

    def test_is_stopped_and_goes_on(self) -> None:
        api = caller("admin")
        path = f"/subscriptions/{make(api)['id']}"

        stopped = send(api, "PATCH", path, {"active": False}).json()
        assert (stopped["active"], stopped["paused"]) == (False, "by_hand")
        going = send(api, "PATCH", path, {"active": True}).json()
        assert (going["active"], going["paused"], going["paused_at"]) == (True, None, None)

    def test_ends_with_its_log(self) -> None:
        api = caller("admin")
        made = make(api)
        told(made)

        assert send(api, "DELETE", f"/subscriptions/{made['id']}").status_code == 204

        assert not Subscription.objects.exists()
        assert not Notice.objects.exists()
        assert AuditEntry.objects.filter(action="subscription.deleted").exists()


class TestTheLog:
    def test_says_what_became_of_each(self) -> None:
        api = caller("admin")
        made = make(api)
        failed = told(made, state="failed", tries=14, status=500, settled_at=clock.now())
        told(made)

        path = f"/subscriptions/{made['id']}/deliveries"
        everything, some = api.get(path).json(), api.get(path, {"state": "failed"}).json()

        assert len(everything["items"]) == 2
        [item] = some["items"]
        assert (item["id"], item["attempts"], item["status"]) == (str(failed.public_id), 14, 500)

    def test_lets_one_be_told_again_or_all_that_were_given_up(self) -> None:
        api = caller("admin")
        made = make(api)
        done = told(made, state="delivered", settled_at=clock.now())
        told(made, state="failed", settled_at=clock.now())
        path = f"/subscriptions/{made['id']}"

        again = api.post(f"{path}/deliveries/{done.public_id}/replay")
        assert (again.status_code, again.json()["state"]) == (200, "waiting")
        assert api.post(f"{path}/replay").json() == {"count": 1}
        assert not Notice.objects.exclude(state=NoticeState.WAITING).exists()

    def test_has_trials(self) -> None:
        api = caller("admin")

        tried = api.post(f"/subscriptions/{make(api)['id']}/test")

        assert (tried.status_code, tried.json()["event"], tried.json()["conversation_id"]) == (
            202,
            "test",
            None,
        )


class TestWhoMay:
    def test_nobody_without_the_scope_not_even_a_supervisor_in_the_panel(self) -> None:
        client = Client()
        client.force_login(make_operator("caio", staff=True))
        for api in (caller("read"), caller("desk"), bot(), Api(client=client)):
            assert code(api.get("/subscriptions")) == "scope"

    def test_no_key_of_one_sender(self) -> None:
        assert code(caller("admin", sender=make_sender()).get("/subscriptions")) == "scope"

    def test_nobody_of_another_company(self) -> None:
        made = make(caller("admin"))
        notice = told(made, state="failed")
        davi = caller("admin", organization=make_stranger().organization)
        path = f"/subscriptions/{made['id']}"

        assert davi.get("/subscriptions").json()["items"] == []
        calls = [
            davi.get(path),
            davi.get(f"{path}/deliveries"),
            send(davi, "PATCH", path, {"active": False}),
            send(davi, "DELETE", path),
            *(
                davi.post(f"{path}/{what}")
                for what in ("replay", "test", f"deliveries/{notice.public_id}/replay")
            ),
        ]
        assert {(one.status_code, one.content) for one in calls} == {
            (404, davi.get("/subscriptions/00000000-0000-4000-8000-000000000000").content)
        }
        assert Notice.objects.get().state == NoticeState.FAILED

    def test_no_delivery_of_another_subscription(self) -> None:
        api = caller("admin")
        one, other = make(api), make(api)

        assert (
            code(api.post(f"/subscriptions/{other['id']}/deliveries/{told(one).public_id}/replay"))
            == "not_found"
        )


def test_a_subscription_is_told_what_it_asked_for_from_its_making_on() -> None:
    api = caller("admin")
    make(api)
    builders.make_held(make_operator("ana"))
    builders.time_passes("subscription", clock.now())

    path = f"/subscriptions/{api.get('/subscriptions').json()['items'][0]['id']}/deliveries"
    assert {item["event"] for item in api.get(path).json()["items"]} == {
        "handoff.requested",
        "handoff.claimed",
    }
