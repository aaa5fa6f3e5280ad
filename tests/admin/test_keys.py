"""Keys of the API: shown once, never changed, revoked at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from handoffflow.models import ApiKey
from operators.models import Operator

pytestmark = pytest.mark.django_db


class TestApiKeyPages:
    def make(self, client: Client, **changes: Any) -> Any:
        return client.post("/admin/handoffflow/apikey/add/", {"name": "TV", "scopes": ["read"], **changes})

    def test_shows_the_key_once(self, client: Client, caio: Operator) -> None:
        page = self.make(client).content.decode()

        token = page.split('id="token">')[1].split("<")[0]
        key = ApiKey.objects.authenticate(token, now=timezone.now())
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

        assert ApiKey.objects.authenticate(token, now=timezone.now()) is None

    def test_cannot_be_changed(self, client: Client, caio: Operator) -> None:
        self.make(client)
        key = ApiKey.objects.get()

        response = client.post(
            f"/admin/handoffflow/apikey/{key.pk}/change/", {"name": "TV", "scopes": ["admin"]}
        )

        assert response.status_code == 403
        assert ApiKey.objects.get(pk=key.pk).scopes == ["read"]
