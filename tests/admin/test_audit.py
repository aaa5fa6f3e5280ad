"""The audit trail: what is looked at and changed in the admin, by names of fields and ids, never values."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from django.test import Client

from conversations.models import AuditEntry, BotAnswer, Conversation, Message, Queue
from handoffflow.models import ApiKey
from operators.models import Operator, Reason
from tests import builders
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, list[str]]]:
    """Newest first: action, subject, names of fields."""
    rows = AuditEntry.objects.order_by("-pk")
    return [(row.action, row.subject_id, row.data.get("fields", [])) for row in rows]


class TestLooking:
    def test_at_a_conversation_leaves_a_mark(
        self, client: Client, caio: Operator, served: Conversation
    ) -> None:
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")

        entry = AuditEntry.objects.get()
        assert (entry.action, entry.subject_id) == ("conversation.viewed", str(served.public_id))
        assert (entry.actor_kind, entry.actor_id) == ("supervisor", str(caio.public_id))
        assert entry.organization == caio.organization
        assert entry.data == {"door": "admin"}

    @pytest.mark.parametrize("thing", ["message", "handoff", "delivery", "inboundwebhook"])
    def test_at_what_was_said_leaves_a_mark(self, client: Client, served: Conversation, thing: str) -> None:
        page = client.get(f"/admin/conversations/{thing}/")
        row = page.context["cl"].result_list[0]

        client.get(f"/admin/conversations/{thing}/{row.pk}/change/")

        assert told() == [(f"{thing}.viewed", str(row.public_id), [])]

    def test_at_what_is_not_there_leaves_none(self, client: Client, caio: Operator) -> None:
        client.get("/admin/conversations/conversation/999/change/")

        assert told() == []

    def test_at_the_trail_leaves_none(self, client: Client, served: Conversation) -> None:
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")
        entry = AuditEntry.objects.get()

        client.get("/admin/conversations/auditentry/")
        client.get(f"/admin/conversations/auditentry/{entry.pk}/change/")

        assert AuditEntry.objects.count() == 1


class TestChanging:
    def test_names_the_fields_and_not_what_is_in_them(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()

        client.post(
            f"/admin/conversations/sender/{sender.pk}/change/",
            {"name": "Loja Aurora", "bot_engine": "none", "auth_token": "segredo", "per_second": "80"},
        )

        entry = AuditEntry.objects.get()
        assert (entry.action, entry.subject_id) == ("sender.changed", str(sender.public_id))
        assert set(entry.data["fields"]) == {"name", "bot_engine", "auth_token"}
        assert "Aurora" not in str(entry.data)
        assert "segredo" not in str(entry.data)

    def test_of_nothing_is_no_change(self, client: Client, caio: Operator) -> None:
        reason = Reason.objects.first()
        assert reason is not None

        client.post(
            f"/admin/operators/reason/{reason.pk}/change/",
            {
                "order": reason.order,
                "active": "on",
                **{f"label_{code.replace('-', '_')}": said for code, said in reason.labels.items()},
            },
        )

        assert told() == []

    def test_covers_additions_deletions_and_rows_of_a_list(self, client: Client, caio: Operator) -> None:
        sender = builders.make_sender()
        form = {"sender": sender.pk, "language": "pt-br", "label": "Preços", "order": 0, "text": "Tabela."}
        client.post("/admin/conversations/botanswer/add/", form)
        answer = str(BotAnswer.objects.get().pk)
        client.post(
            "/admin/conversations/botanswer/",
            {
                "form-TOTAL_FORMS": "1",
                "form-INITIAL_FORMS": "1",
                "form-0-id": answer,
                "form-0-keywords": "preço",
                "form-0-order": "0",
                "form-0-active": "",
                "_save": "1",
            },
        )
        client.post(f"/admin/conversations/botanswer/{answer}/delete/", {"post": "yes"})

        actions = [(action, subject) for action, subject, _fields in told()]
        assert actions == [
            ("botanswer.deleted", answer),
            ("botanswer.changed", answer),
            ("botanswer.added", answer),
        ]
        assert "keywords" in told()[1][2]

    def test_covers_several_deleted_at_once(self, client: Client, caio: Operator) -> None:
        rows = [
            BotAnswer.objects.create(sender=builders.make_sender(), label=f"Opção {number}")
            for number in range(2)
        ]

        client.post(
            "/admin/conversations/botanswer/",
            {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"},
        )

        assert {subject for _action, subject, _fields in told()} == {str(row.pk) for row in rows}
        assert not BotAnswer.objects.exists()

    def test_covers_a_new_password(self, client: Client, caio: Operator) -> None:
        ana, new = builders.make_operator("ana"), "quatro palavras bem longas"

        client.post(f"/admin/operators/operator/{ana.pk}/password/", {"password1": new, "password2": new})

        assert told() == [("operator.changed", str(ana.public_id), ["password"])]


class TestPermissions:
    def change(self, client: Client, operator: Operator, **given: Any) -> None:
        base = {"username": operator.username, "capacity": "6", "is_active": "on"}
        client.post(f"/admin/operators/operator/{operator.pk}/change/", {**base, **given})

    def test_are_told_with_what_they_are_now(self, client: Client, caio: Operator) -> None:
        ana, queue = builders.make_operator("ana"), Queue.objects.get()

        self.change(client, ana, is_staff="on", queues=[queue.pk])

        entry = AuditEntry.objects.get(action="operator.permissions_changed")
        assert entry.subject_id == str(ana.public_id)
        assert entry.data == {"door": "admin", "is_staff": True}

    def test_are_told_for_the_queue_form_too(self, client: Client, caio: Operator) -> None:
        ana, queue = builders.make_operator("ana"), Queue.objects.get()
        form = {"name": queue.name, "order": "0", "offer_seconds": "30", "waiting_then": "raise"}
        form["alert_minutes"] = "5"

        client.post(f"/admin/conversations/queue/{queue.pk}/change/", {**form, "operators": [caio.pk]})

        entry = AuditEntry.objects.get(action="operator.permissions_changed")
        assert entry.subject_id == str(ana.public_id)
        assert entry.data == {"door": "admin", "queues": []}

    def test_of_a_new_operator_are_told(self, client: Client, caio: Operator) -> None:
        new = "quatro palavras bem longas"
        queue = Queue.objects.get()

        client.post(
            "/admin/operators/operator/add/",
            {"username": "leo", "password1": new, "password2": new, "queues": [queue.pk]},
        )

        entry = AuditEntry.objects.get(action="operator.permissions_changed")
        assert entry.data["queues"] == [str(queue.public_id)]
        assert entry.data["is_staff"] is False


class TestKeys:
    def test_are_told_when_they_are_issued_and_revoked(self, client: Client, caio: Operator) -> None:
        client.post("/admin/handoffflow/apikey/add/", {"name": "TV", "scopes": ["read"]})
        key = ApiKey.objects.get()
        for _twice in range(2):
            client.post("/admin/handoffflow/apikey/", {"action": "revoke", "_selected_action": [key.pk]})

        assert told() == [
            ("apikey.revoked", str(key.public_id), []),
            ("apikey.issued", str(key.public_id), []),
        ]


class TestTheTrail:
    def test_is_read_newest_first_by_names(
        self, client: Client, caio: Operator, served: Conversation
    ) -> None:
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")
        page = client.get("/admin/conversations/auditentry/").content.decode()

        assert "conversation.viewed" in page
        assert str(served.public_id)[:8] in page
        assert ">caio<" in page

    def test_is_of_the_own_company_only(self, client: Client, served: Conversation) -> None:
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")
        davi = builders.make_stranger()
        davi.is_staff = True
        davi.save()
        client.force_login(davi)

        assert (
            str(served.public_id)[:8] not in client.get("/admin/conversations/auditentry/").content.decode()
        )

    def test_is_found_by_the_thing(self, client: Client, served: Conversation) -> None:
        message = Message.objects.first()
        assert message is not None
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")
        client.get(f"/admin/conversations/message/{message.pk}/change/")

        found = client.get("/admin/conversations/auditentry/", {"q": str(served.public_id)})

        assert [row.action for row in found.context["cl"].result_list] == ["conversation.viewed"]

    def test_cannot_be_written(self, client: Client, served: Conversation) -> None:
        client.get(f"/admin/conversations/conversation/{served.pk}/change/")
        page = f"/admin/conversations/auditentry/{AuditEntry.objects.get().pk}"

        assert client.post(f"{page}/change/", {"action": "x"}).status_code == 403
        assert client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
        assert client.get("/admin/conversations/auditentry/add/").status_code == 403

    def test_has_one_writer(self) -> None:
        """Insert only: nobody else touches its rows but to read them."""
        writing = {"create", "update", "delete", "bulk_create", "get_or_create", "update_or_create", "save"}
        writers = {
            (path.relative_to(ROOT).as_posix(), node.attr)
            for app in ("conversations", "operators", "handoffflow")
            for path in (ROOT / app).rglob("*.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in writing
            if "AuditEntry" in ast.unparse(node.value)
        }

        assert writers == {("conversations/audit.py", "create")}
