"""Keys of the API: shown once, never changed, revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from conversations.models import AuditEntry, Organization
from handoffflow.models import ApiKey
from operators.models import Operator

pytestmark = pytest.mark.django_db


class TestApiKeyPages:
    def make(self, client: Client, **changes: Any) -> Any:
        return client.post("/admin/handoffflow/apikey/add/", {"name": "TV", "scopes": ["read"], **changes})

    def test_shows_the_key_once(self, client: Client, caio: Operator) -> None:
        page = self.make(client).content.decode()

        token = page.split('id="token">')[1].split("<")[0]
        key = ApiKey.authenticate(token, now=timezone.now())
        assert key is not None
        assert key.created_by == caio
        secret = token.removeprefix(f"{key.prefix}_")
        later = client.get("/admin/handoffflow/apikey/").content.decode()
        later += client.get(f"/admin/handoffflow/apikey/{key.pk}/change/").content.decode()
        assert secret not in later
        assert secret not in str(client.cookies)
        assert secret not in "".join(
            LogEntry.objects.values_list("object_repr", "change_message").first() or ()
        )

    def test_refuses_a_bots_key_without_its_number(self, client: Client, caio: Operator) -> None:
        response = self.make(client, scopes=["bot"])

        assert "A chave de um bot é de um número só: escolha qual." in response.content.decode()
        assert not ApiKey.objects.exists()

    def test_is_revoked_at_once(self, client: Client, caio: Operator) -> None:
        page = self.make(client).content.decode()
        token = page.split('id="token">')[1].split("<")[0]

        client.post(
            "/admin/handoffflow/apikey/", {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]}
        )

        assert ApiKey.authenticate(token, now=timezone.now()) is None

    def act(self, client: Client, action: str, *chosen: ApiKey) -> Any:
        marked = [key.pk for key in chosen]
        return client.post("/admin/handoffflow/apikey/", {"action": action, "_selected_action": marked})

    def test_is_replaced_by_one_that_is_shown_once(self, client: Client, caio: Operator) -> None:
        old, token = self.made(client)

        page = self.act(client, "rotate", old).content.decode()

        shown = page.split('id="token">')[1].split("<")[0]
        now = timezone.now()
        fresh, ended = ApiKey.authenticate(shown, now=now), ApiKey.objects.get(pk=old.pk)
        assert fresh is not None
        assert (fresh.name, fresh.scopes, fresh.created_by) == ("TV", ["read"], caio)
        assert ended.expires_at is not None
        assert timedelta(hours=23) < ended.expires_at - now <= timedelta(hours=24)
        assert ApiKey.authenticate(token, now=now) is not None
        assert ApiKey.authenticate(token, now=now + timedelta(hours=25)) is None
        later = client.get("/admin/handoffflow/apikey/").content.decode()
        assert shown.removeprefix(f"{fresh.prefix}_") not in later + str(client.cookies)
        trail = AuditEntry.objects.order_by("pk").values_list("action", "actor_id")
        assert list(trail) == [
            (f"apikey.{verb}", str(caio.public_id)) for verb in ("issued", "rotated", "issued")
        ]

    def test_is_not_replaced_with_another_or_when_it_has_ended(self, client: Client, caio: Operator) -> None:
        first, _token = self.made(client)
        second, _token = self.made(client)

        both = self.act(client, "rotate", first, second)
        self.act(client, "revoke", first)
        ended = self.act(client, "rotate", first)

        assert [both.status_code, ended.status_code] == [302, 302]
        assert ApiKey.objects.count() == 2
        assert not AuditEntry.objects.filter(action="apikey.rotated").exists()

    def test_of_another_company_is_not_replaced(self, client: Client, caio: Operator) -> None:
        other = Organization.objects.create(name="Outra")
        theirs, _token = ApiKey.objects.issue(organization=other, name="x", scopes=["read"])

        self.act(client, "rotate", theirs)

        assert ApiKey.objects.get() == theirs
        assert ApiKey.objects.get().expires_at is None

    def made(self, client: Client) -> tuple[ApiKey, str]:
        token = self.make(client).content.decode().split('id="token">')[1].split("<")[0]
        key = ApiKey.authenticate(token, now=timezone.now())
        assert key is not None
        return key, token

    def test_cannot_be_changed(self, client: Client, caio: Operator) -> None:
        self.make(client)
        key = ApiKey.objects.get()

        response = client.post(
            f"/admin/handoffflow/apikey/{key.pk}/change/", {"name": "TV", "scopes": ["admin"]}
        )

        assert response.status_code == 403
        assert ApiKey.objects.get(pk=key.pk).scopes == ["read"]
