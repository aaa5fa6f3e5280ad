"""Calling the API as an integration does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.test import Client

from conversations.models import Organization, Sender
from handoffflow.models import ApiKey
from tests.builders import make_sender

ROOT = "/api/v1"


class Api:
    """One caller: a key, or a client that has logged in."""

    def __init__(self, token: str | None = None, client: Client | None = None) -> None:
        self.client = client or Client()
        self.headers = {"Authorization": f"Bearer {token}"} if token is not None else {}

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(ROOT + path, query or {}, headers={**self.headers, **headers})

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        return self.send(path, json.dumps({} if body is None else body).encode(), key=key, **headers)

    def send(
        self,
        path: str,
        data: bytes,
        *,
        key: str | None = None,
        kind: str = "application/json",
        method: str = "POST",
        **headers: str,
    ) -> Any:
        headers |= {"Idempotency-Key": key} if key is not None else {}
        everything = {**self.headers, **headers}
        return self.client.generic(method, ROOT + path, data, content_type=kind, headers=everything)


def make_key(
    *scopes: str, organization: Organization | None = None, sender: Sender | None = None, **fields: Any
) -> tuple[ApiKey, str]:
    if organization is None:
        organization = make_sender().organization
    return ApiKey.objects.issue(
        organization=organization, name="tests", scopes=scopes, sender=sender, **fields
    )


def caller(*scopes: str, **fields: Any) -> Api:
    return Api(make_key(*scopes, **fields)[1])


def bot(sender: Sender | None = None) -> Api:
    return caller("bot", sender=sender or make_sender())


def code(response: Any) -> str:
    """The code of a refusal, which has to be a problem document in full."""
    assert response["Content-Type"] == "application/problem+json", response.content
    problem = response.json()
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["status"] == response.status_code
    assert problem["title"]
    assert problem["detail"]
    assert isinstance(problem["errors"], list)
    assert "instance" not in problem
    return str(problem["code"])


def fields(response: Any) -> Sequence[tuple[str, str]]:
    assert code(response) == "invalid"
    return [(item["field"], item["code"]) for item in response.json()["errors"]]
