"""Who is let in: keys, sessions, and nobody else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client

from conversations import clock
from conversations.contract import Cause
from conversations.models import AuditEntry
from handoffflow import keys
from handoffflow.models import ApiKey
from tests.api.calls import Api, code, make_key
from tests.builders import fresh, make_held, make_operator, make_sender, make_stranger, make_waiting

pytestmark = pytest.mark.django_db

SECRET = "A" * 43


class TestToken:
    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer hf_",
            "Bearer hf__",
            "Bearer 1-",
            "Bearer \x00",
            "Bearer é",
            "Basic YTpi",
            f"Bearer hf_{'0' * 12}_{SECRET}",
            f"hf_{'0' * 12}_{SECRET}",
            "Bearer " + "x" * 10_000,
            f"Bearer hf_{'0' * 12}_{SECRET}, Bearer x",
            "Bearer hf_' OR 1=1--_x",
            "Bearer  ",
        ],
    )
    def test_that_is_odd_is_unauthenticated(self, header: str) -> None:
        response = Client().get("/api/v1/conversations", headers={"Authorization": header})

        assert (response.status_code, code(response)) == (401, "unauthenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_opens_nothing_by_its_prefix(self) -> None:
        key, token = make_key("read")

        for part in (key.prefix, f"{key.prefix}_", token[:-1], token + "A", token.swapcase(), f"{token}\x00"):
            assert Api(part).get("/conversations").status_code == 401

    def test_is_kept_as_a_hash(self) -> None:
        key, token = make_key("read")

        secret = token.removeprefix(f"{key.prefix}_")
        assert len(secret) >= 22  # 128 bits and more
        assert key.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
        assert secret not in str(ApiKey.objects.filter(pk=key.pk).values())
        assert str(key) == str(key.public_id)

    def test_ends_when_it_is_revoked_or_expires(self) -> None:
        now = clock.now()
        revoked, first = make_key("read")
        _expired, second = make_key("read", expires_at=now - timedelta(seconds=1))
        _running, third = make_key("read", expires_at=now + timedelta(hours=1))
        ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=now)

        statuses = [Api(token).get("/conversations").status_code for token in (first, second, third)]

        assert statuses == [401, 401, 200]

    def test_ends_with_whoever_made_it(self) -> None:
        caio = make_operator("caio", staff=True)
        _key, token = make_key("read", created_by=caio)

        before = Api(token).get("/conversations").status_code
        type(caio).objects.filter(pk=caio.pk).update(is_active=False)

        assert (before, Api(token).get("/conversations").status_code) == (200, 401)

    def test_notes_its_use_once_a_minute(self) -> None:
        key, token = make_key("read")
        Api(token).get("/conversations")
        first = ApiKey.objects.get(pk=key.pk).last_used_at
        Api(token).get("/conversations")
        second = ApiKey.objects.get(pk=key.pk).last_used_at
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=clock.now() - timedelta(seconds=61))
        Api(token).get("/conversations")

        assert first is not None
        assert second == first
        assert (ApiKey.objects.get(pk=key.pk).last_used_at or first) > first

    @pytest.mark.parametrize("scopes", [[], ["all"], ["bot"], ["bot", "desk"], ["bot", "admin"]])
    def test_has_scopes_that_make_sense(self, scopes: list[str]) -> None:
        sender = make_sender() if len(scopes) > 1 else None

        with pytest.raises(ValueError, match=r".+"):
            make_key(*scopes, sender=sender)


class TestSession:
    def client(self, operator: Any, *, enforce_csrf: bool = False) -> Client:
        client = Client(enforce_csrf_checks=enforce_csrf)
        client.force_login(operator)
        return client

    def test_reads_without_a_token(self) -> None:
        ana = make_operator("ana")
        conversation = make_held(ana)

        response = Api(client=self.client(ana, enforce_csrf=True)).get("/conversations")

        assert [item["id"] for item in response.json()["items"]] == [str(conversation.public_id)]

    def test_writes_with_its_csrf_token_only(self, settings: Any) -> None:
        ana, conversation = make_operator("ana"), make_waiting()
        api = Api(client=self.client(ana, enforce_csrf=True))
        path = f"/conversations/{conversation.public_id}/handoff/assign"
        body = {"agent_id": str(ana.public_id)}

        refused = api.post(path, body)
        api.client.cookies[settings.CSRF_COOKIE_NAME] = "x" * 32
        taken = api.post(path, body, **{"X-CSRFToken": "x" * 32, "Origin": settings.APP_URL})

        assert (refused.status_code, code(refused)) == (403, "csrf")
        assert fresh(conversation).operator == ana
        assert taken.status_code == 200

    def test_is_ignored_beside_a_key(self) -> None:
        api = Api("hf_nonsense", client=self.client(make_operator("ana")))

        assert api.get("/conversations").status_code == 401

    def test_speaks_for_nobody_else(self) -> None:
        ana, bia = make_operator("ana"), make_operator("bia")
        api, held, waiting = (
            Api(client=self.client(ana)),
            make_held(bia),
            make_waiting(address="whatsapp:+5511900000009"),
        )

        assign = api.post(
            f"/conversations/{waiting.public_id}/handoff/assign", {"agent_id": str(bia.public_id)}
        )
        say = api.post(
            f"/conversations/{held.public_id}/messages",
            {"message_owner": "agent", "agent_id": str(bia.public_id), "body": "oi"},
        )
        release = api.post(
            f"/conversations/{held.public_id}/handoff/release", {"outcome": "solved", "last_seen_seq": 999}
        )

        assert [code(assign), code(say), code(release)] == ["scope", "scope", "not_yours"]

    def test_serves_as_itself(self) -> None:
        ana, conversation = make_operator("ana"), make_waiting()
        api, path = Api(client=self.client(ana)), f"/conversations/{conversation.public_id}"

        api.post(f"{path}/handoff/assign", {"agent_id": str(ana.public_id)})
        said = api.post(f"{path}/messages", {"message_owner": "agent", "body": "Oi!"})
        released = api.post(f"{path}/handoff/release", {"outcome": "solved", "last_seen_seq": 999})

        assert said.json()["message"]["agent_id"] == str(ana.public_id)
        assert released.json()["status"] == "PROGRESS"

    def test_of_a_supervisor_assigns_and_releases_for_the_team(self) -> None:
        bia, conversation = make_operator("bia"), make_waiting()
        api = Api(client=self.client(make_operator("caio", staff=True)))
        path = f"/conversations/{conversation.public_id}/handoff"

        assigned = api.post(f"{path}/assign", {"agent_id": str(bia.public_id)})
        released = api.post(f"{path}/release", {"outcome": "solved", "last_seen_seq": 999})

        assert assigned.json()["agent_id"] == str(bia.public_id)
        assert released.status_code == 200

    def test_of_a_stranger_sees_nothing(self) -> None:
        conversation = make_waiting()
        api = Api(client=self.client(make_stranger()))

        assert api.get("/conversations").json() == {"items": [], "next": None}
        assert api.get(f"/conversations/{conversation.public_id}").status_code == 404

    def test_of_somebody_who_left_is_over(self) -> None:
        ana = make_operator("ana")
        api = Api(client=self.client(ana))
        type(ana).objects.filter(pk=ana.pk).update(is_active=False)

        assert api.get("/conversations").status_code == 401


class TestCommand:
    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("apikey", *arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_makes_a_key_that_works(self) -> None:
        make_sender()

        token = self.run("create", "--name", "CRM", "--scope", "desk", "--scope", "read", "--expires", "90d")

        key = ApiKey.objects.get()
        assert token.strip().startswith(f"{key.prefix}_")
        assert Api(token.strip()).get("/conversations").status_code == 200
        assert key.scopes == ["desk", "read"]
        assert key.expires_at is not None
        assert timedelta(days=89) < key.expires_at - clock.now() < timedelta(days=91)

    def test_binds_a_bot_to_its_sender(self) -> None:
        sender = make_sender()

        self.run("create", "--name", "Robô", "--scope", "bot", "--sender", sender.address)

        assert ApiKey.objects.get().sender == sender

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--scope", "bot"),
            ("--scope", "read", "--sender", "whatsapp:+10000000000"),
            ("--scope", "read", "--expires", "soon"),
            ("--scope", "read", "--expires", "0d"),
        ],
    )
    def test_refuses_what_makes_no_sense(self, arguments: tuple[str, ...]) -> None:
        make_sender()

        with pytest.raises(CommandError):
            self.run("create", "--name", "x", *arguments)
        assert not ApiKey.objects.exists()

    def test_lists_without_secrets_and_revokes_at_once(self) -> None:
        key, token = make_key("read")

        listed = self.run("list")
        self.run("revoke", key.prefix)

        assert key.prefix in listed
        assert token not in listed
        assert "usable" in listed
        assert Api(token).get("/conversations").status_code == 401
        assert "ended" in self.run("list")
        with pytest.raises(CommandError):
            self.run("revoke", "nothing")

    def test_lists_when_a_key_was_used_and_ends(self) -> None:
        now = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
        key, _token = make_key("read", "desk", expires_at=now)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
        make_key("read")

        first, second = self.run("list").splitlines()

        assert "desk,read" in first
        assert "used 2026-11-20T12:30+00:00  ends 2026-11-20T12:30+00:00" in first
        assert "never used  no end" in second

    def test_replaces_a_key_that_goes_on_for_a_while(self) -> None:
        key, old = make_key("desk", "read", expires_at=clock.now() + timedelta(days=30))

        new = self.run("rotate", key.prefix, "--grace", "2h").strip()

        assert [Api(token).get("/conversations").status_code for token in (old, new)] == [200, 200]
        ended = ApiKey.objects.get(pk=key.pk)
        fresh = ApiKey.objects.exclude(pk=key.pk).get()
        assert (fresh.name, fresh.scopes) == ("tests", ["desk", "read"])
        assert ended.expires_at is not None
        assert fresh.expires_at is not None
        assert timedelta(hours=1) < ended.expires_at - clock.now() <= timedelta(hours=2)
        assert timedelta(days=29) < fresh.expires_at - clock.now() <= timedelta(days=30)

    def test_replaces_a_key_that_ends_at_once(self) -> None:
        sender = make_sender()
        key, old = make_key("bot", "read", sender=sender)

        new = self.run("rotate", str(key.public_id), "--grace", "0h").strip()

        assert [Api(token).get("/conversations").status_code for token in (old, new)] == [401, 200]
        assert ApiKey.objects.exclude(pk=key.pk).get().sender == sender

    @pytest.mark.parametrize("arguments", [(), ("--grace", "soon"), ("--grace", "-1h")])
    def test_replaces_no_key_that_has_ended(self, arguments: tuple[str, ...]) -> None:
        key, _token = make_key("read")
        if not arguments:
            self.run("revoke", key.prefix)

        with pytest.raises(CommandError):
            self.run("rotate", key.prefix, *arguments)
        assert ApiKey.objects.count() == 1

    def test_leaves_a_trail_without_secrets(self) -> None:
        make_sender()
        token = self.run("create", "--name", "CRM", "--scope", "read").strip()
        first = ApiKey.objects.get()
        new = self.run("rotate", first.prefix).strip()
        for _twice in range(2):
            self.run("revoke", first.prefix)

        trail = list(AuditEntry.objects.order_by("pk"))
        assert [(one.action, one.subject_id == str(first.public_id)) for one in trail] == [
            ("apikey.issued", True),
            ("apikey.rotated", True),
            ("apikey.issued", False),
            ("apikey.revoked", True),
        ]
        assert {(one.actor_kind, one.data["door"]) for one in trail} == {("system", "command")}
        assert trail[1].data["replaced_by"] == trail[2].subject_id
        written = str([(one.data, one.subject_id) for one in trail])
        assert [text in written for text in (token, new, "CRM")] == [False, False, False]


class TestRotation:
    def rotate(self, key: ApiKey, **changes: Any) -> tuple[ApiKey, str]:
        cause = Cause(kind="system", door="command")
        return keys.rotate(key, cause=cause, now=clock.now(), **changes)

    def test_of_two_at_once_makes_one_key(self) -> None:
        key, _token = make_key("read")
        as_read = [ApiKey.objects.get(pk=key.pk) for _who in "ab"]

        self.rotate(as_read[0])
        with pytest.raises(keys.KeyEnded):
            self.rotate(as_read[1])

        assert ApiKey.objects.count() == 2

    def test_prolongs_nothing(self) -> None:
        soon = clock.now() + timedelta(hours=1)
        key, _token = make_key("read", expires_at=soon)

        self.rotate(key)

        assert ApiKey.objects.get(pk=key.pk).expires_at == soon

    def test_stays_with_whoever_made_the_key(self) -> None:
        caio = make_operator("caio", staff=True)
        key, _token = make_key("read", created_by=caio)

        fresh, _token = self.rotate(key)

        assert fresh.created_by == caio

    def test_that_fails_halfway_changes_nothing(self) -> None:
        key, token = make_key("read")

        with (
            mock.patch("conversations.audit.note", side_effect=OperationalError("gone")),
            pytest.raises(OperationalError),
        ):
            self.rotate(key)

        assert ApiKey.objects.get().expires_at is None
        assert Api(token).get("/conversations").status_code == 200
