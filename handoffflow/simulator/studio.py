"""A small Twilio Studio: published flows, their executions, and the part of its REST API that ends and starts them.

A message reaches a flow because the number's webhook is the flow's address, or because the answer to a webhook
redirects it there. Executions are rows of the ledger, as everything that Twilio would remember.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from handoffflow.simulator import callbacks, contract, flows, rest, running
from handoffflow.simulator.callbacks import Desk, Outcome
from handoffflow.simulator.checks import Refused, one
from handoffflow.simulator.console import Console
from handoffflow.simulator.ledger import Ledger, new_sid
from handoffflow.simulator.rest import Reply, Request
from handoffflow.simulator.shapes import Account

MOST_HOPS = 10
FLOWS = "/v2/Flows"
_PATH = re.compile(r"/v2/Flows/(?P<flow>FW\w+)(?P<executions>/Executions(?:/(?P<sid>FN\w+))?)?\Z")
_TABLES = """
CREATE TABLE IF NOT EXISTS flows (sid TEXT PRIMARY KEY, definition TEXT NOT NULL, status TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS executions (
  id INTEGER PRIMARY KEY, sid TEXT NOT NULL UNIQUE, flow TEXT NOT NULL, customer TEXT NOT NULL,
  status TEXT NOT NULL, state TEXT NOT NULL, context TEXT NOT NULL, created REAL NOT NULL, ended REAL)
"""


class Studio:
    """The flows of all accounts of one stand-in."""

    def __init__(
        self, ledger: Ledger, desk_of: Callable[[], Desk], console_of: Callable[[Account], Console]
    ) -> None:
        self.ledger, self.desk_of, self.console_of = ledger, desk_of, console_of
        with ledger.connected() as connection:
            connection.executescript(_TABLES)

    def publish(self, sid: str, definition: Mapping[str, Any], *, status: str = "published") -> None:
        """What *Publish* does in the console; only what is published runs."""
        with self.ledger.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO flows (sid, definition, status) VALUES (?, ?, ?)",
                (sid, json.dumps(definition), status),
            )

    def executions(self, customer: str = "") -> list[sqlite3.Row]:
        return self.ledger.all(
            "SELECT * FROM executions WHERE ?1 = '' OR customer = ?1 ORDER BY id", customer
        )

    # -- messages --------------------------------------------------------------------------------------------

    def answering(self, account: Account) -> str:
        """The flow that the number's own webhook names; "" when that is the desk."""
        return running.flow_in(str(self.console_of(account).sender["webhook"]["callback_url"] or ""))

    def receive(self, account: Account, flow: str, form: Mapping[str, str]) -> Outcome:
        self.deliver(account, flow, form, {})
        return Outcome("200", 0, connected=True)

    def follow(self, account: Account, outcome: Outcome, form: Mapping[str, str], hop: int = 0) -> None:
        """Do what the TwiML of an answer says: redirect the message, to a flow or to the desk."""
        url = running.redirect_of(outcome)
        if not url or hop >= MOST_HOPS:
            return
        if flow := running.flow_in(url):
            self.deliver(account, flow, form, dict(parse_qsl(urlsplit(url).query)))
        else:
            again = callbacks.post(
                self.desk_of(), url=url, form=form, token=account.token, about=f"{url}/{hop}"
            )
            self.follow(account, again, form, hop + 1)

    def deliver(
        self, account: Account, flow: str, form: Mapping[str, str], returned: Mapping[str, str]
    ) -> None:
        """A message for a flow: for what is active there, or the beginning of a new execution."""
        definition = self._published(flow)
        if definition is None:
            return
        active = self._active(flow, form["From"])
        if active is None:
            context = running.context(account, flow, form["From"], trigger={"message": dict(form)})
            running.Run(
                self, account, definition, self._open(flow, form["From"], context), context, form
            ).begin("incomingMessage")
            return
        context, state = json.loads(active["context"]), str(active["state"])
        if not state:
            return  # in the middle of something: Studio takes no notice
        run = running.Run(self, account, definition, str(active["sid"]), context, form)
        if (
            returned.get("FlowEvent") == "return"
            and flows.waits_in(definition, state) == "add-twiml-redirect"
        ):
            context["widgets"][state] = dict(returned)
            run.go_on(state, "return")
        elif flows.waits_in(definition, state) == "send-and-wait-for-reply":
            context["widgets"][state] = {"inbound": dict(form)}
            run.go_on(state, "incomingMessage")

    # -- the REST API ------------------------------------------------------------------------------------------

    def serves(self, request: Request) -> bool:
        return request.path == FLOWS or _PATH.match(request.path) is not None

    def answer(self, account: Account, request: Request) -> Reply:
        try:
            rest.authenticate(account, request.authorization)
            if account.strict:
                contract.check(request.method, request.path, request.query, request.form, request.body)
            return self._answer(account, request)
        except Refused as problem:
            return rest.refusal(problem)

    def _answer(self, account: Account, request: Request) -> Reply:
        if request.path == FLOWS:
            return self._create(request)
        match = _PATH.match(request.path)
        rows = self.ledger.all("SELECT * FROM flows WHERE sid = ?", match["flow"]) if match else []
        if match is None or not rows:
            raise Refused(20404, status=404)
        if not match["executions"]:
            return Reply(200, {"sid": rows[0]["sid"], "status": rows[0]["status"], "friendly_name": "Flow"})
        if match["sid"]:
            return self._execution(account, request, match["sid"])
        if request.method == "POST":
            return self._start(account, match["flow"], request)
        return Reply(200, self._list(account, match["flow"], request))

    def _create(self, request: Request) -> Reply:
        if request.method != "POST":
            raise Refused(20404, status=404)
        sid, status = new_sid("FW"), one(request.form, "Status")
        try:
            definition = json.loads(one(request.form, "Definition"))
            flows.waits_in(definition, str(definition["initial_state"]))
        except (ValueError, KeyError, TypeError, StopIteration):
            raise Refused(20001, detail="Definition") from None
        self.publish(sid, definition, status=status)
        return Reply(201, {"sid": sid, "status": status, "friendly_name": one(request.form, "FriendlyName")})

    def _list(self, account: Account, flow: str, request: Request) -> dict[str, Any]:
        status, since = one(request.query, "status"), one(request.query, "DateCreatedFrom")
        after = datetime.fromisoformat(since.replace("Z", "+00:00")).timestamp() if since else 0.0
        rows = self.ledger.all(
            "SELECT * FROM executions WHERE flow = ?1 AND (?2 = '' OR status = ?2) AND created >= ?3"
            " ORDER BY id DESC LIMIT 1000",
            *(flow, status, after),
        )
        shown = [_shown(account, row) for row in rows]
        return {"executions": shown, "meta": {"key": "executions", "page": 0, "next_page_url": None}}

    def _start(self, account: Account, flow: str, request: Request) -> Reply:
        customer, said = one(request.form, "To"), one(request.form, "Parameters")
        definition = self._published(flow)
        if definition is None or one(request.form, "From") != account.number:
            raise Refused(20001, detail="From")
        if self._active(flow, customer) is not None:
            raise Refused(20001, status=409, detail="an execution is active for this contact")
        context = running.context(account, flow, customer, data=json.loads(said or "{}"))
        sid = self._open(flow, customer, context)
        running.Run(self, account, definition, sid, context, {}).begin("incomingRequest")
        return Reply(201, self._shown(account, sid))

    def _execution(self, account: Account, request: Request, sid: str) -> Reply:
        if not self.ledger.all("SELECT 1 FROM executions WHERE sid = ?", sid):
            raise Refused(20404, status=404)
        if request.method == "POST" and one(request.form, "Status") == "ended":
            self.end(sid)
        return Reply(200, self._shown(account, sid))

    def _shown(self, account: Account, sid: str) -> dict[str, Any]:
        return _shown(account, self.ledger.all("SELECT * FROM executions WHERE sid = ?", sid)[0])

    # -- executions ----------------------------------------------------------------------------------------------

    def _published(self, flow: str) -> dict[str, Any] | None:
        rows = self.ledger.all("SELECT definition FROM flows WHERE sid = ? AND status = 'published'", flow)
        return dict(json.loads(rows[0]["definition"])) if rows else None

    def _active(self, flow: str, customer: str) -> sqlite3.Row | None:
        rows = self.ledger.all(
            "SELECT * FROM executions WHERE flow = ? AND customer = ? AND status = 'active'", flow, customer
        )
        return rows[0] if rows else None

    def _open(self, flow: str, customer: str, context: flows.Context) -> str:
        sid = new_sid("FN")
        context["flow"]["sid"] = sid
        with self.ledger.writing() as connection:
            connection.execute(
                "INSERT INTO executions (sid, flow, customer, status, state, context, created)"
                " VALUES (?, ?, ?, 'active', '', ?, ?)",
                (sid, flow, customer, json.dumps(context), self.ledger.clock()),
            )
        return sid

    def is_active(self, sid: str) -> bool:
        return bool(self.ledger.all("SELECT 1 FROM executions WHERE sid = ? AND status = 'active'", sid))

    def keep(self, sid: str, state: str, context: flows.Context) -> None:
        with self.ledger.writing() as connection:
            connection.execute(
                "UPDATE executions SET state = ?, context = ? WHERE sid = ?",
                (state, json.dumps(context), sid),
            )

    def end(self, sid: str) -> None:
        with self.ledger.writing() as connection:
            connection.execute(
                "UPDATE executions SET status = 'ended', ended = ? WHERE sid = ? AND status = 'active'",
                (self.ledger.clock(), sid),
            )


def _shown(account: Account, row: sqlite3.Row) -> dict[str, Any]:
    at = datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "sid": row["sid"],
        "account_sid": account.sid,
        "flow_sid": row["flow"],
        "contact_channel_address": row["customer"],
        "status": row["status"],
        "date_created": at,
        "date_updated": at,
        "context": {},
        "links": {},
        "url": f"https://studio.twilio.com/v2/Flows/{row['flow']}/Executions/{row['sid']}",
    }
