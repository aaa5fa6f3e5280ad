"""Every address of the product, and what each of PEOPLE gets from it."""

from __future__ import annotations

from typing import Any

PEOPLE = ("anonymous", "ana", "bia", "davi", "caio")
"""Nobody; the one who holds the chat; one of another queue; one of another company; the supervisor."""
METHODS = ("GET", "POST", "PUT", "DELETE")
Row = dict[str, str]
Table = dict[str, Row]


def row(default: str = "405", **methods: str) -> Row:
    """What each of PEOPLE gets, by method; one number is for all of them. A form in these tests is empty."""
    given = {method: methods.get(method, default) for method in METHODS}
    return {method: said if " " in said else " ".join([said] * len(PEOPLE)) for method, said in given.items()}


CHAT = "operator/c/<uuid:public_id>/"
CONSOLE: Table = {
    "operator/": row("302 405 405 405 405", GET="302 200 200 200 200"),
    "operator/list": row("302 405 405 405 405", GET="302 200 200 200 200"),
    "operator/new/": row("302 405 405 405 405", GET="302 200 200 404 200", POST="302 422 422 404 422"),
    "operator/new/templates/<uuid:template_id>/": row("302 405 405 405 405", GET="302 200 200 404 200"),
    "operator/next/": row("302 405 405 405 405", POST="302 200 200 200 200"),
    "operator/stream": row(GET="401 503 503 503 503"),
    "operator/preferences": row("302 405 405 405 405", POST="302 303 303 303 303"),
    "operator/settings/": row("302 405 405 405 405", GET="302 200 200 200 200", POST="302 422 422 422 422"),
    "operator/settings/password/": row(
        "302 405 405 405 405", GET="302 200 200 200 200", POST="302 422 422 422 422"
    ),
    "operator/settings/devices": row("302 405 405 405 405", POST="302 303 303 303 303"),
    "operator/settings/test": row("302 405 405 405 405", POST="302 404 404 404 404"),
    "operator/push/subscribe": row("302 405 405 405 405", POST="302 422 422 422 422"),
    "operator/push/unsubscribe": row("302 405 405 405 405", POST="302 204 204 204 204"),
    "operator/sw.js": row(GET="200"),
    "operator/manifest.webmanifest": row(GET="200"),
    CHAT: row("302 405 405 405 405", GET="302 200 404 404 200"),
    f"{CHAT}thread": row("302 405 405 405 405", GET="302 200 404 404 200"),
    f"{CHAT}claim": row("302 405 405 405 405", POST="302 303 404 404 409"),
    f"{CHAT}send": row("302 405 405 405 405", POST="302 422 404 404 422"),
    f"{CHAT}same/<uuid:other_id>": row(
        "302 405 405 405 405", GET="302 200 404 404 200", POST="302 303 404 404 303"
    ),
    f"{CHAT}different/<uuid:other_id>": row("302 405 405 405 405", POST="302 303 404 404 303"),
    f"{CHAT}separate/<uuid:other_id>": row(
        "302 404 404 404 405", GET="302 404 404 404 404", POST="302 404 404 404 404"
    ),
    f"{CHAT}earlier/<uuid:other_id>": row("302 405 405 405 405", GET="302 404 404 404 404"),
    f"{CHAT}seen": row("302 405 405 405 405", POST="302 204 404 404 204"),
    f"{CHAT}unread": row("302 405 405 405 405", POST="302 303 404 404 404"),
    f"{CHAT}release": row("302 405 405 405 405", GET="302 200 404 404 409", POST="302 422 404 404 422"),
    f"{CHAT}retry/<uuid:message_id>": row(
        "302 405 405 405 405", GET="302 409 404 404 404", POST="302 409 404 404 404"
    ),
    f"{CHAT}discard/<uuid:message_id>": row("302 405 405 405 405", POST="302 303 404 404 404"),
    f"{CHAT}transfer": row("302 405 405 405 405", GET="302 200 404 404 409", POST="302 422 404 404 422"),
    f"{CHAT}decline": row("302 405 405 405 405", POST="302 409 404 404 409"),
    f"{CHAT}draft": row("302 405 405 405 405", POST="302 422 404 404 422"),
    f"{CHAT}canned": row("302 405 405 405 405", GET="302 200 404 404 200"),
    f"{CHAT}templates/": row("302 405 405 405 405", GET="302 200 404 404 409"),
    f"{CHAT}templates/<uuid:template_id>/": row("302 405 405 405 405", GET="302 200 404 404 409"),
    f"{CHAT}note": row("302 405 405 405 405", POST="302 422 404 404 422"),
    f"{CHAT}notes/<uuid:note_id>/pin": row("302 405 405 405 405", POST="302 303 404 404 303"),
    f"{CHAT}notes/<uuid:note_id>/unpin": row("302 405 405 405 405", POST="302 303 404 404 303"),
    f"{CHAT}mentions": row("302 405 405 405 405", POST="302 204 404 404 204"),
    f"{CHAT}colleagues": row("302 405 405 405 405", GET="302 200 404 404 200"),
    f"{CHAT}tags": row("302 405 405 405 405", GET="302 200 404 404 200", POST="302 404 404 404 404"),
    f"{CHAT}tags/<uuid:tag_id>/remove": row("302 405 405 405 405", POST="302 303 404 404 303"),
    f"{CHAT}contact": row("302 405 405 405 405", GET="302 200 404 404 200", POST="302 303 404 404 303"),
    f"{CHAT}services/<int:number>": row("302 405 405 405 405", GET="302 303 404 404 303"),
    "operator/mentions": row("302 405 405 405 405", GET="302 200 200 200 200"),
    f"{CHAT}media/<uuid:attachment_id>": row("302 405 405 405 405", GET="302 200 404 404 200"),
    f"{CHAT}media/<uuid:attachment_id>/again": row("302 405 405 405 405", POST="302 303 404 404 303"),
    "operator/search/": row("302 405 405 405 405", GET="302 200 200 200 200"),
    "operator/keys/": row("302 405 405 405 405", GET="302 200 200 200 200"),
    "operator/command/": row("302 405 405 405 405", GET="302 200 200 200 200"),
    "operator/presence": row("302 405 405 405 405", POST="302 204 204 204 204"),
    "operator/team/": row("302 404 404 404 405", GET="302 404 404 404 200"),
    "operator/team/board": row("302 404 404 404 405", GET="302 404 404 404 200"),
    "operator/team/c/<uuid:public_id>/alert": row("302 404 404 404 405", GET="302 404 404 404 204"),
    "operator/team/c/<uuid:public_id>/claim": row(
        "302 404 404 404 405", GET="302 404 404 404 200", POST="302 404 404 404 303"
    ),
    "operator/team/c/<uuid:public_id>/give": row(
        "302 404 404 404 405", GET="302 404 404 404 200", POST="302 404 404 404 422"
    ),
    "operator/team/c/<uuid:public_id>/requeue": row(
        "302 404 404 404 405", GET="302 404 404 404 200", POST="302 404 404 404 303"
    ),
    "operator/team/o/<uuid:operator_id>/shift": row(
        "302 404 404 404 405", GET="302 404 404 404 200", POST="302 404 404 404 422"
    ),
    "operator/work/": row("302 404 404 404 405", GET="302 404 404 404 200"),
    "operator/work/sends/<uuid:message_id>/arrived": row("302 404 404 404 405", POST="302 404 404 404 409"),
    "operator/work/sends/<uuid:message_id>/again": row(
        "302 404 404 404 405", GET="302 404 404 404 409", POST="302 404 404 404 409"
    ),
    "operator/work/sends/<uuid:message_id>/discard": row("302 404 404 404 405", POST="302 404 404 404 409"),
    "operator/troubles": row("302 404 404 404 405", GET="302 404 404 404 200"),
    "operator/senders/<uuid:sender_id>/resume": row("302 404 404 404 405", POST="302 404 404 404 303"),
    "operator/work/webhooks/replay": row("302 404 404 404 405", POST="302 404 404 404 409"),
    "operator/work/webhooks/<uuid:webhook_id>/replay": row("302 404 404 404 405", POST="302 404 404 404 409"),
    "operator/work/webhooks/<uuid:webhook_id>/original": row(
        "302 404 404 404 405", GET="302 404 404 404 200"
    ),
}
ACCOUNTS: Table = {
    "": row("302"),
    "accounts/login/": row("200", GET="200 302 302 302 302", DELETE="405"),
    "accounts/logout/": row(POST="302"),
    "accounts/language/": row(POST="302"),
    "accounts/first/<str:token>/": row(GET="404", POST="404"),
}
CALL = "api/v1/conversations/<conv_id>"
HOOK = "api/v1/subscriptions/<subscription_id>"
MACHINES: Table = {
    "api/twilio/webhook": row(POST="415"),
    "api/twilio/status": row(POST="415"),
    "api/twilio/handoff": row(POST="415"),
    "api/twilio/media/<str:token>": row(GET="404"),
    "api/v1/openapi.json": row(GET="200"),
    "api/v1/docs": row(GET="200"),
    "api/v1/": row("404"),
    "api/v1/^$": row("404"),
    "api/v1/conversations": row(GET="401 200 200 200 200", POST="401 422 422 422 422"),
    "api/v1/conversations/handoff/queue": row(GET="401 200 200 200 200"),
    "api/v1/events": row(GET="401 200 200 200 200"),
    "api/v1/subscriptions": row(GET="401 403 403 403 403", POST="401 403 403 403 403"),
    HOOK: row(GET="401 403 403 403 403", DELETE="401 403 403 403 403"),
    f"{HOOK}/deliveries": row(GET="401 403 403 403 403"),
    f"{HOOK}/deliveries/<delivery_id>/replay": row(POST="401 403 403 403 403"),
    f"{HOOK}/replay": row(POST="401 403 403 403 403"),
    f"{HOOK}/test": row(POST="401 403 403 403 403"),
    "api/v1/templates": row(GET="401 200 200 200 200"),
    CALL: row(GET="401 200 404 404 200"),
    f"{CALL}/messages": row(GET="401 200 404 404 200", POST="401 202 404 404 409"),
    f"{CALL}/media": row(POST="401 415 415 415 415"),
    f"{CALL}/media/<media_id>": row(GET="401 200 404 404 200"),
    f"{CALL}/handoff/request": row(POST="401 200 404 404 200"),
    f"{CALL}/handoff/assign": row(POST="401 200 404 404 409"),
    f"{CALL}/handoff/transfer": row(POST="401 200 404 404 200"),
    f"{CALL}/handoff/decline": row(POST="401 409 404 404 409"),
    f"{CALL}/handoff/cancel": row(POST="401 409 404 404 409"),
    f"{CALL}/handoff/release": row(POST="401 200 404 404 200"),
    f"{CALL}/handoff/requeue": row(POST="401 403 403 403 200"),
    f"{CALL}/seen": row(POST="401 200 404 404 409"),
    f"{CALL}/unread": row(POST="401 200 404 404 409"),
    f"{CALL}/messages/<message_id>/retry": row(POST="401 409 404 404 409"),
    f"{CALL}/messages/<message_id>/discard": row(POST="401 200 404 404 200"),
    f"{CALL}/messages/<message_id>/arrived": row(POST="401 403 403 403 409"),
    f"{CALL}/media/<media_id>/again": row(POST="401 200 404 404 200"),
    f"{CALL}/notes": row(GET="401 200 404 404 200", POST="401 201 404 404 201"),
    f"{CALL}/notes/<note_id>/pin": row(POST="401 200 404 404 200"),
    f"{CALL}/notes/<note_id>/unpin": row(POST="401 200 404 404 200"),
    f"{CALL}/mentions/read": row(POST="401 200 404 404 200"),
    f"{CALL}/tags": row(GET="401 200 404 404 200", POST="401 200 404 404 200"),
    f"{CALL}/tags/<tag_id>/remove": row(POST="401 200 404 404 200"),
    f"{CALL}/person": row(GET="401 200 404 404 200"),
    f"{CALL}/person/same": row(POST="401 200 404 404 200"),
    f"{CALL}/person/different": row(POST="401 200 404 404 200"),
    f"{CALL}/person/separate": row(POST="401 403 403 403 404"),
    "api/v1/contacts": row(GET="401 200 200 200 200"),
    "api/v1/contacts/<contact_id>": row(GET="401 200 404 404 200", POST="401 200 404 404 200"),
    "api/v1/agents": row(GET="401 200 200 200 200"),
    "api/v1/agents/<agent_id>": row(GET="401 200 200 404 200"),
    "api/v1/agents/<agent_id>/availability": row(POST="401 200 403 404 403"),
    "api/v1/agents/<agent_id>/next": row(POST="401 409 403 404 409"),
    "api/v1/agents/<agent_id>/shift": row(POST="401 403 403 403 200"),
    "api/v1/tags": row(GET="401 200 200 200 200"),
    "api/v1/queues": row(GET="401 200 200 200 200"),
    "api/v1/reasons": row(GET="401 200 200 200 200"),
    "api/v1/canned-replies": row(GET="401 200 200 200 200"),
    "api/v1/contact-attributes": row(GET="401 200 200 200 200"),
    "api/v1/senders": row(GET="401 200 200 200 200"),
    "api/v1/senders/<sender_id>/resume": row(POST="401 403 403 403 200"),
    "api/v1/inbound-webhooks": row(GET="401 403 403 403 200"),
    "api/v1/inbound-webhooks/replay": row(POST="401 403 403 403 409"),
    "api/v1/inbound-webhooks/<webhook_id>/replay": row(POST="401 403 403 403 409"),
    "metrics": row(GET="403"),
    "healthz": row(GET="200"),
    "readyz": row(GET="503"),
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    f"{CALL}/messages": {"message_owner": "agent", "agent_id": "own", "body": "Bom dia!"},
    f"{CALL}/handoff/request": {"reason": "rule"},
    f"{CALL}/handoff/assign": {"agent_id": "own"},
    f"{CALL}/handoff/transfer": {"agent_id": "own", "note": "Falta o boleto."},
    f"{CALL}/handoff/decline": {"agent_id": "own"},
    f"{CALL}/handoff/release": {"outcome": "solved", "last_seen_seq": 99},
    f"{CALL}/seen": {"seq": 1},
    f"{CALL}/notes": {"body": "Falta o boleto."},
    f"{CALL}/tags": {"tag_id": "<tag_id>"},
    f"{CALL}/person/same": {"other_id": "<other_id>"},
    f"{CALL}/person/different": {"other_id": "<other_id>"},
    f"{CALL}/person/separate": {"other_id": "<other_id>"},
    "api/v1/contacts/<contact_id>": {"name": "João"},
    "api/v1/agents/<agent_id>/availability": {"status": "available"},
    "api/v1/agents/<agent_id>/shift": {"note": "Fim do turno."},
}
"""What a call needs in order to be about its conversation and not about its own form."""
SIMULATOR: Table = {
    "simulator/": row(GET="200"),
    "simulator/split/": row(GET="200"),
    "simulator/advance/": row(POST="404"),
    "simulator/customers/": row(POST="303"),
    "simulator/play/": row(POST="303"),
    "simulator/c/<int:number>/": row(GET="200"),
    "simulator/c/<int:number>/say/": row(POST="303"),
    "simulator/c/<int:number>/act/<str:name>/": row(POST="303"),
    "simulator/files/<str:sid>/": row(GET="404"),
}


def staff(**methods: str) -> Row:
    """Everybody else is sent to the door, which lets no operator in. Django reads PUT and DELETE as GET."""
    default = methods.get("GET", "405")
    return {method: f"302 302 302 302 {methods.get(method, default)}" for method in METHODS}


def pages_of(model: str, *, make: bool, change: bool, delete: bool) -> Table:
    place, one = f"admin/{model}/", f"admin/{model}/<path:object_id>/"
    form = staff(GET="200", POST="200")
    return {
        place: form,
        f"{place}add/": form if make else staff(GET="403", POST="403"),
        f"{one}history/": form,
        f"{one}delete/": form if delete else staff(GET="403", POST="403"),
        f"{one}change/": form if change else staff(GET="200", POST="403"),
        one: staff(GET="302", POST="302"),
    }


ADMIN: Table = {
    "admin/": staff(GET="200"),
    "admin/doctor/": staff(GET="200", POST="200", PUT="405", DELETE="405"),
    "admin/login/": row("302 403 403 403 302"),
    "admin/logout/": staff(POST="302"),
    "admin/password_change/": staff(GET="200", DELETE="405"),
    "admin/password_change/done/": staff(GET="200", POST="405", PUT="405", DELETE="405"),
    "admin/jsi18n/": staff(GET="200", POST="405", PUT="405", DELETE="405"),
    "admin/autocomplete/": staff(GET="403", POST="405", PUT="405", DELETE="405"),
    "admin/r/<path:content_type_id>/<path:object_id>/": staff(GET="404"),
    "admin/operators/operator/<id>/password/": staff(GET="200"),
    "admin/^(?P<app_label>conversations|handoffflow|operators)/$": staff(GET="200"),
    "admin/(?P<url>.*)$": staff(GET="404"),
    **pages_of("conversations/conversation", make=False, change=False, delete=False),
    **pages_of("conversations/message", make=False, change=False, delete=False),
    **pages_of("conversations/auditentry", make=False, change=False, delete=False),
    **pages_of("conversations/handoff", make=False, change=False, delete=False),
    **pages_of("conversations/inboundwebhook", make=False, change=False, delete=False),
    **pages_of("conversations/delivery", make=False, change=False, delete=False),
    **pages_of("conversations/template", make=False, change=False, delete=False),
    "admin/conversations/template/sync/": staff(GET="405", POST="302"),
    **pages_of("conversations/queue", make=True, change=True, delete=True),
    **pages_of("conversations/botanswer", make=True, change=True, delete=True),
    **pages_of("conversations/knowledgearticle", make=True, change=True, delete=True),
    "admin/conversations/knowledgearticle/try/": staff(GET="200", POST="200"),
    **pages_of("conversations/sender", make=True, change=True, delete=False),
    "admin/conversations/sender/flow/<str:way>/": staff(GET="404", POST="405", PUT="405", DELETE="405"),
    **pages_of("handoffflow/apikey", make=True, change=False, delete=False),
    **pages_of("handoffflow/subscription", make=True, change=True, delete=True),
    **pages_of("handoffflow/notice", make=False, change=False, delete=False),
    **pages_of("operators/operator", make=True, change=True, delete=False),
    **pages_of("operators/reason", make=True, change=True, delete=True),
    **pages_of("operators/tag", make=True, change=True, delete=True),
    **pages_of("operators/attributedefinition", make=True, change=True, delete=True),
    **pages_of("operators/contactlink", make=True, change=True, delete=True),
    **pages_of("operators/cannedreply", make=True, change=True, delete=True),
}
EVERYTHING = CONSOLE | ACCOUNTS | MACHINES | SIMULATOR | ADMIN
TABLES = {
    "console": CONSOLE,
    "accounts": ACCOUNTS,
    "machines": MACHINES,
    "simulator": SIMULATOR,
    "admin": ADMIN,
}
ABSENT = row()["POST"]
"""The POST of a page that takes none: there is nothing to forge."""
