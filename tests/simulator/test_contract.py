"""The stand-in lets through what Twilio's own API description lets through, and every call of ours is described."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.utils import timezone

from conversations import choices, flowfiles
from conversations.twilio import client, console, content, reading, studio
from conversations.twilio.client import Account
from handoffflow.simulator import contract, seeded
from handoffflow.simulator.standin import StandIn
from tests.conftest import TWILIO_AUTH_TOKEN, TWILIO_SID
from tests.simulator import contract_table
from tests.simulator.conftest import CALLBACK, JOAO

MESSAGES = f"/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"
NUMBER = "whatsapp:+551150280000"
SERVICE = "MG" + "7" * 32
FLOW = "FW" + "1" * 32
TEMPLATE = {
    "ContentSid": seeded.CATALOGUE[0]["sid"],
    "ContentVariables": json.dumps(seeded.CATALOGUE[0]["variables"]),
}
EXERCISED = {
    "POST /2010-04-01/Accounts/{AccountSid}/Messages.json",
    "GET /2010-04-01/Accounts/{AccountSid}/Messages.json",
    "GET /2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media.json",
    "GET /2010-04-01/Accounts/{Sid}.json",
    "GET /v2/Channels/Senders",
    "POST /v2/Channels/Senders/{Sid}",
    "GET /v1/Services",
    "POST /v1/Services/{Sid}",
    "GET /v1/Services/{MessagingServiceSid}/ChannelSenders",
    "GET /v1/ContentAndApprovals",
    "POST /v1/Content",
    "POST /v2/Indicators/Typing.json",
    "GET /v1/Configuration/Addresses",
    "POST /v2/Flows",
    "GET /v2/Flows/{Sid}",
    "GET /v2/Flows/{FlowSid}/Executions",
    "POST /v2/Flows/{FlowSid}/Executions",
    "POST /v2/Flows/{FlowSid}/Executions/{Sid}",
}
"""What the gateway calls. A new call belongs here, and into the list of calls below."""

FOLDER = os.environ.get("TWILIO_OAI", "")
if FOLDER:

    def test_the_table_is_what_twilio_describes() -> None:
        made = contract_table.made(Path(FOLDER))

        assert contract_table.TABLE.read_text() == contract_table.text(made)


@pytest.fixture
def account(standin: StandIn) -> Account:
    return Account(TWILIO_SID, TWILIO_AUTH_TOKEN, standin.url)


class TestTheGateway:
    def test_calls_nothing_that_twilio_does_not_describe(self, standin: StandIn, account: Account) -> None:
        sid = standin.receive(JOAO, "veja", media=[("image/png", b"a")], deliver=False)
        standin.console.add_service(SERVICE, inbound=None)

        async def everything() -> None:
            since = timezone.now() - timedelta(days=1)
            sender = standin.console.sender["sid"]
            text: Any = {"to": JOAO, "from_": NUMBER, "body": "Olá 👋", "status_callback": CALLBACK}
            assert (await client.send(account, **text)).kind == "accepted"
            assert (await client.send(account, **text, messaging_service_sid=SERVICE)).kind == "accepted"
            assert await client.listing(account, to=JOAO, from_=NUMBER, since=since)
            assert [page async for page in reading.received(account, to=NUMBER, since=since)]
            assert await reading.media(account, sid)
            assert (await console.account(account))[0] == "active"
            assert await console.number(account, NUMBER)
            assert await console.services(account, NUMBER, "")
            assert not await console.captured(account, NUMBER)
            assert await console.approved(account) == 12
            [first, *_others] = await content.templates(account)
            filled = json.dumps({one["name"]: one["sample"] for one in first.variables})
            template: Any = {"content_sid": first.sid, "content_variables": filled}
            assert (await client.send(account, **text, **template)).kind == "accepted"
            assert await content.create(
                account, choices.content(choices.buttons(["Sim"]), "Tudo bem?", "pt_BR")[0]
            )
            await client.show_typing(account, sid)
            url = "https://desk.example.com/api/twilio/webhook#ct=2000&rt=4500&rc=2&rp=5xx,ct,rt"
            await console.set_webhook(account, sender, webhook=url, status_callback=CALLBACK)
            await console.set_inbound(account, SERVICE, webhook=url)
            await runs_a_flow(account, since)
            await client.close()

        asyncio.run(everything())

        assert {_named(call) for call in standin.requests()} == EXERCISED
        assert {call["status"] for call in standin.requests()} <= {200, 201, 202}


async def runs_a_flow(account: Account, since: datetime) -> None:
    flow = await studio.publish(account, "in-front", flowfiles.document("in-front"))
    assert await studio.status(account, flow) == "published"
    sid = await studio.start(account, flow, to=JOAO, from_=NUMBER, parameters={"released": "true"})
    assert [one.sid for one in await studio.running(account, flow, {JOAO})] == [sid]
    assert [one.sid for one in await studio.begun(account, flow, {JOAO}, since=since)] == [sid]
    await studio.end(account, flow, sid)
    assert await studio.running(account, flow, {JOAO}) == []


def _named(call: dict[str, Any]) -> str:
    found = contract.operation(call["method"], call["path"])
    return found[0].name if found else f"{call['method']} {call['path']}"


class TestTheStandIn:
    @pytest.fixture
    def ask(self, standin: StandIn) -> Iterator[Callable[..., requests.Response]]:
        with requests.Session() as session:
            session.auth = (TWILIO_SID, TWILIO_AUTH_TOKEN)

            def ask(method: str, path: str, **params: Any) -> requests.Response:
                return session.request(method, standin.url + path, timeout=3, **params)

            yield ask

    @pytest.mark.parametrize(
        ("method", "path", "params", "detail"),
        [
            ("POST", MESSAGES, {"data": {"ContentSid": "HX" + "g" * 32}}, "The ContentSid is invalid"),
            ("POST", MESSAGES, {"data": {"SmartEncoded": "yes"}}, "SmartEncoded is no boolean"),
            ("POST", MESSAGES, {"data": {"RiskCheck": "maybe"}}, "RiskCheck is none of"),
            ("POST", MESSAGES, {"data": {"ValidityPeriod": "soon"}}, "ValidityPeriod is no integer"),
            ("POST", MESSAGES, {"data": {"ApplicationSid": "AP1"}}, "ApplicationSid does not match"),
            ("POST", MESSAGES, {"data": {"Body": ["a", "b"]}}, "Body comes more than once"),
            ("GET", MESSAGES, {"params": {"PageSize": "5000"}}, "PageSize is no integer"),
            ("GET", MESSAGES, {"params": {"DateSince": "2026-11-01"}}, "DateSince is unknown"),
            ("DELETE", MESSAGES, {}, "no such operation"),
            ("GET", f"/2010-04-01/Accounts/{TWILIO_SID}/Messages/SM1.json", {}, "Sid does not match"),
            ("GET", "/v2/Channels/Senders", {}, "Channel is missing"),
            ("POST", "/v2/Channels/Senders/XE" + "1" * 32, {"json": {"webhooks": {}}}, "webhooks is unknown"),
            (
                "POST",
                "/v2/Channels/Senders/XE" + "1" * 32,
                {"json": {"webhook": {"callback_method": "GET"}}},
                "callback_method is none of",
            ),
            ("POST", "/v2/Channels/Senders/XE" + "1" * 32, {"data": "{"}, "no JSON"),
            ("POST", f"/v1/Services/{SERVICE}", {"data": {"InboundRequestUrl": "nowhere"}}, "is no address"),
            ("GET", "/v1/Nothing", {}, "no such operation"),
            ("POST", f"/v2/Flows/{FLOW}/Executions", {"data": {"To": JOAO}}, "From is missing"),
            ("GET", f"/v2/Flows/{FLOW}/Executions", {"params": {"Status": "active"}}, "Status is unknown"),
            (
                "POST",
                f"/v2/Flows/{FLOW}/Executions/FN{'1' * 32}",
                {"data": {"Status": "over"}},
                "Status is none",
            ),
        ],
    )
    def test_refuses_what_the_description_forbids(
        self,
        standin: StandIn,
        ask: Callable[..., requests.Response],
        method: str,
        path: str,
        params: dict[str, Any],
        detail: str,
    ) -> None:
        if method == "POST" and path == MESSAGES:
            params = {"data": {"To": JOAO, "From": NUMBER, "Body": "Olá"} | params["data"]}

        answer = ask(method, path, **params)

        assert answer.status_code in {400, 404}
        assert detail in answer.json()["message"]
        assert standin.sent() == []

    @pytest.mark.parametrize(
        "form",
        [
            {"Body": "Olá"},
            {"MediaUrl": ["https://desk.example.com/a.png", "https://desk.example.com/b.png"]},
            TEMPLATE,
            {"Body": "x", "PersistentAction": ["geo:-23.56,-46.65|Av. Paulista"]},
        ],
        ids=["text", "media", "template", "location"],
    )
    def test_takes_what_it_allows(self, ask: Callable[..., requests.Response], form: dict[str, Any]) -> None:
        answer = ask("POST", MESSAGES, data={"To": JOAO, "From": NUMBER, "StatusCallback": CALLBACK} | form)

        assert answer.status_code == 201, answer.text
