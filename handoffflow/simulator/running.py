"""One execution of a Studio flow at work: what its widgets say, ask and are answered."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as Xml
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from handoffflow.simulator import callbacks, flows, rest
from handoffflow.simulator.callbacks import Outcome
from handoffflow.simulator.shapes import Account

if TYPE_CHECKING:
    from handoffflow.simulator.studio import Studio

HOST = "https://webhooks.twilio.com/"
_FLOW = re.compile(r"/v1/Accounts/AC\w{32}/Flows/(FW[0-9a-fA-F]{32})\Z")


class Run:
    """One execution at work: the world of its flow."""

    def __init__(
        self,
        studio: Studio,
        account: Account,
        definition: flows.Flow,
        sid: str,
        context: flows.Context,
        form: Mapping[str, str],
    ) -> None:
        self.studio, self.account, self.definition, self.sid = studio, account, definition, sid
        self.context, self.form = context, form

    def begin(self, event: str) -> None:
        self._rest(flows.begin(self.definition, self.context, event, self))

    def go_on(self, state: str, event: str) -> None:
        self._rest(flows.run(self.definition, self.context, state, event, self))

    def _rest(self, state: str) -> None:
        self.studio.keep(self.sid, state, self.context)
        if state == flows.ENDED:
            self.studio.end(self.sid)

    def active(self) -> bool:
        return self.studio.is_active(self.sid)

    def say(self, text: str) -> None:
        """It leaves like any message; what becomes of it is told to the address that the sender has for that."""
        console = self.studio.console_of(self.account)
        form = {
            "To": [self.context["contact"]["channel"]["address"]],
            "From": [self.account.number],
            "Body": [text],
            "StatusCallback": [str(console.sender["webhook"]["status_callback_url"] or "")],
        }
        rest.create(self.studio.ledger, self.account, form)

    def call(self, url: str, fields: Mapping[str, str]) -> tuple[int, Any]:
        outcome = self._post(url, fields)
        status = int(outcome.result) if outcome.result.isdigit() else 0
        parsed = json.loads(outcome.body) if outcome.content_type == "application/json" else {}
        return status, parsed

    def redirect(self, url: str) -> Mapping[str, str] | None:
        back = redirect_of(self._post(url, self.form)) if self.form else ""
        if not flow_in(back):
            return None
        if not self.active():
            # Nothing waits any more: for Studio it is a message like any other.
            flow = self.context["flow"]["flow_sid"]
            self.studio.deliver(self.account, flow, self.form, {})
            return None
        values = dict(parse_qsl(urlsplit(back).query, keep_blank_values=True))
        return values if values.pop("FlowEvent", "") == "return" else None

    def _post(self, url: str, fields: Mapping[str, str]) -> Outcome:
        token, about = self.account.token, f"{self.sid}/{url}"
        return callbacks.post(self.studio.desk_of(), url=url, form=fields, token=token, about=about)


def context(
    account: Account,
    flow: str,
    customer: str,
    *,
    trigger: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> flows.Context:
    return {
        "contact": {"channel": {"address": customer}},
        "flow": {
            "sid": "",
            "flow_sid": flow,
            "channel": {"address": account.number},
            "data": data or {},
            "variables": {},
        },
        "trigger": trigger or {},
        "widgets": {},
    }


def flow_in(url: str) -> str:
    """The flow that an address leads into; "" for any other address."""
    match = _FLOW.match(urlsplit(url).path) if url.startswith(HOST) else None
    return match[1] if match else ""


def redirect_of(outcome: Outcome) -> str:
    """The address in a TwiML answer; "" for any other."""
    if outcome.result != "200" or "<Redirect" not in outcome.body:
        return ""
    found = Xml.fromstring(outcome.body).find("Redirect")  # noqa: S314 (the product's own answer)
    return (found.text or "").strip() if found is not None else ""
