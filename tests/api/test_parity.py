"""Whatever the panel can do, the API can: every action of the panel and its twin, or why it has none.

The panel's actions are found by asking each of its addresses whether it takes a form: one that is added without a row
here fails, and so does a row whose action or twin is gone.
"""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.test import Client

from handoffflow.api import api
from operators.urls import urlpatterns
from tests.api.calls import ROOT
from tests.builders import make_operator

CHAT = "c/<uuid:public_id>/"
TWINS: dict[str, str] = {
    "new/": "/conversations",
    "next/": "/agents/{agent_id}/next",
    "presence": "/agents/{agent_id}/availability",
    f"{CHAT}claim": "/conversations/{conv_id}/handoff/assign",
    f"{CHAT}decline": "/conversations/{conv_id}/handoff/decline",
    f"{CHAT}send": "/conversations/{conv_id}/messages",
    f"{CHAT}note": "/conversations/{conv_id}/notes",
    f"{CHAT}notes/<uuid:note_id>/pin": "/conversations/{conv_id}/notes/{note_id}/pin",
    f"{CHAT}notes/<uuid:note_id>/unpin": "/conversations/{conv_id}/notes/{note_id}/unpin",
    f"{CHAT}mentions": "/conversations/{conv_id}/mentions/read",
    f"{CHAT}tags": "/conversations/{conv_id}/tags",
    f"{CHAT}tags/<uuid:tag_id>/remove": "/conversations/{conv_id}/tags/{tag_id}/remove",
    f"{CHAT}contact": "/contacts/{contact_id}",
    f"{CHAT}same/<uuid:other_id>": "/conversations/{conv_id}/person/same",
    f"{CHAT}different/<uuid:other_id>": "/conversations/{conv_id}/person/different",
    f"{CHAT}separate/<uuid:other_id>": "/conversations/{conv_id}/person/separate",
    f"{CHAT}seen": "/conversations/{conv_id}/seen",
    f"{CHAT}unread": "/conversations/{conv_id}/unread",
    f"{CHAT}release": "/conversations/{conv_id}/handoff/release",
    f"{CHAT}transfer": "/conversations/{conv_id}/handoff/transfer",
    f"{CHAT}retry/<uuid:message_id>": "/conversations/{conv_id}/messages/{message_id}/retry",
    f"{CHAT}discard/<uuid:message_id>": "/conversations/{conv_id}/messages/{message_id}/discard",
    f"{CHAT}media/<uuid:attachment_id>/again": "/conversations/{conv_id}/media/{media_id}/again",
    # With force.
    "team/c/<uuid:public_id>/claim": "/conversations/{conv_id}/handoff/assign",
    "team/c/<uuid:public_id>/requeue": "/conversations/{conv_id}/handoff/requeue",
    "team/c/<uuid:public_id>/give": "/conversations/{conv_id}/handoff/transfer",
    "team/o/<uuid:operator_id>/shift": "/agents/{agent_id}/shift",
    "senders/<uuid:sender_id>/resume": "/senders/{sender_id}/resume",
    "work/sends/<uuid:message_id>/arrived": "/conversations/{conv_id}/messages/{message_id}/arrived",
    "work/sends/<uuid:message_id>/again": "/conversations/{conv_id}/messages/{message_id}/retry",
    "work/sends/<uuid:message_id>/discard": "/conversations/{conv_id}/messages/{message_id}/discard",
    "work/webhooks/replay": "/inbound-webhooks/replay",
    "work/webhooks/<uuid:webhook_id>/replay": "/inbound-webhooks/{webhook_id}/replay",
}
NONE: dict[str, str] = {
    f"{CHAT}draft": "A draft is what stands in an operator's text field until they send it.",
    "preferences": "How this operator's screens look and sound.",
    "settings/": "Name, language and time zone of whoever is logged in: an account is changed by its owner.",
    "settings/password/": "A password is changed by its owner, who types the old one.",
    "settings/devices": "A browser's own subscription, which only a browser has.",
    "settings/test": "A browser's own subscription, which only a browser has.",
    "push/subscribe": "A browser's own subscription, which only a browser has.",
    "push/unsubscribe": "A browser's own subscription, which only a browser has.",
}


def takes_a_form(client: Client, route: str) -> bool:
    """As a supervisor, about nothing there is: 405 is the answer of an address that only shows."""
    address = re.sub(r"<uuid:\w+>", str(UUID(int=0)), route)
    address = re.sub(r"<int:\w+>", "1", address)
    return bool(client.post(f"/operator/{address}").status_code != 405)


@pytest.mark.django_db
class TestParity:
    @pytest.fixture
    def actions(self) -> set[str]:
        client = Client()
        client.force_login(make_operator("caio", staff=True))
        routes = {str(pattern.pattern) for pattern in urlpatterns}
        return {route for route in routes if takes_a_form(client, route)}

    def test_has_a_row_for_every_action_of_the_panel(self, actions: set[str]) -> None:
        assert actions - TWINS.keys() - NONE.keys() == set()

    def test_has_no_row_for_what_the_panel_does_not_do(self, actions: set[str]) -> None:
        assert (TWINS.keys() | NONE.keys()) - actions == set()

    def test_says_one_thing_of_each(self) -> None:
        assert TWINS.keys() & NONE.keys() == set()
        assert all(reason.endswith(".") for reason in NONE.values())


class TestTwins:
    def test_are_in_the_document(self) -> None:
        paths = api.get_openapi_schema()["paths"]
        posted = {path.removeprefix(ROOT) for path, methods in paths.items() if "post" in methods}

        assert set(TWINS.values()) - posted == set()
