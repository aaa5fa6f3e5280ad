"""Twilio Studio: where a flow listens, and the executions it runs.

An execution is one run of a flow for one customer. Only one may be active for a customer in a flow; while one is,
Twilio refuses to start another, and what the customer writes goes to that one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.utils.dateparse import parse_datetime

from conversations.twilio.client import Account
from conversations.twilio.reading import CannotRead, ask, connected

WEBHOOKS = "https://webhooks.twilio.com/v1"
API = "https://studio.twilio.com/v2"
PAGE = 1000
DEADLINE_SECONDS = 8.0
"""For one call: an attempt makes several, and a customer waits."""
MOST_PAGES = 20


@dataclass(frozen=True, slots=True)
class Execution:
    sid: str
    address: str
    created_at: datetime


def flow_url(account_sid: str, flow: str, **returned: str) -> str:
    """Where a message is handed to a flow. With ``returned``, where a flow that redirected it goes on."""
    url = f"{WEBHOOKS}/Accounts/{account_sid}/Flows/{flow}"
    return f"{url}?{urlencode({'FlowEvent': 'return', **returned})}" if returned else url


async def running(of: Account, flow: str, addresses: set[str]) -> list[Execution]:
    """What is active for any of these addresses."""
    return await _listed(of, flow, addresses, {"status": "active"})


async def begun(of: Account, flow: str, addresses: set[str], *, since: datetime) -> list[Execution]:
    """What was started for them since then, ended or not."""
    found = await _listed(of, flow, addresses, {"DateCreatedFrom": since.strftime("%Y-%m-%dT%H:%M:%SZ")})
    return [one for one in found if one.created_at >= since.replace(microsecond=0)]


async def start(of: Account, flow: str, *, to: str, from_: str, parameters: Mapping[str, Any]) -> str:
    """Start one; its SID. CannotRead says with its status what Twilio made of it."""
    executions = connected(of).studio.v2.flows(flow).executions
    said = json.dumps(parameters, ensure_ascii=False)
    found = await ask(
        partial(executions.create_async, to=to, from_=from_, parameters=said), deadline=DEADLINE_SECONDS
    )
    return str(found.sid)


async def end(of: Account, flow: str, sid: str) -> None:
    """End one; what has ended or is gone has."""
    execution = connected(of).studio.v2.flows(flow).executions(sid)
    try:
        await ask(partial(execution.update_async, status="ended"), deadline=DEADLINE_SECONDS)
    except CannotRead as problem:
        if problem.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise


async def publish(of: Account, name: str, definition: Mapping[str, Any]) -> str:
    """Make a new flow of this definition, published; its SID."""
    flows = connected(of).studio.v2.flows
    said = json.dumps(definition, ensure_ascii=False)
    made = await ask(partial(flows.create_async, friendly_name=name, status="published", definition=said))
    return str(made.sid)


async def status(of: Account, flow: str) -> str:
    """published or draft; "" where the account has no such flow."""
    try:
        found = await ask(connected(of).studio.v2.flows(flow).fetch_async)
    except CannotRead as problem:
        if problem.status == HTTPStatus.NOT_FOUND:
            return ""
        raise
    return str(found.status or "")


async def _listed(of: Account, flow: str, addresses: set[str], wanted: dict[str, str]) -> list[Execution]:
    """The SDK cannot ask for the active ones alone, and of a busy flow those are few among many."""
    url, found = (
        f"{API}/Flows/{flow}/Executions?{urlencode(wanted | {'PageSize': str(PAGE)})}",
        list[Execution](),
    )
    for _page in range(MOST_PAGES):
        page = await ask(partial(_page_of, of, url), deadline=DEADLINE_SECONDS)
        for row in page.get("executions") or ():
            created = parse_datetime(str(row.get("date_created") or ""))
            if row.get("contact_channel_address") in addresses and created:
                found.append(Execution(str(row["sid"]), str(row["contact_channel_address"]), created))
        url = str((page.get("meta") or {}).get("next_page_url") or "")
        if not url:
            break
    return found


async def _page_of(of: Account, url: str) -> dict[str, Any]:
    from twilio.base.exceptions import TwilioException

    answer = await connected(of).request_async("GET", url)
    if answer.status_code != HTTPStatus.OK:
        raise TwilioException("Unable to fetch page", answer)
    page = json.loads(answer.text)
    if not isinstance(page, dict):
        raise TypeError(page)
    return page
