"""One customer's case: what was done for them before the desk died, and what has to be true afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.faults.verdict import Lost, Stuck, same
from tests.faults.world import World, new_key, until

ASK = "quero falar com um atendente"
ANSWERED = {200, 201, 202}
Call = tuple[str, dict[str, Any], str]
"""Path, body and Idempotency-Key."""
SHOWN = {"sent": {"sent", "delivered", "read"}, "delivered": {"delivered", "read"}}
"""What a message may show once the desk has acknowledged the report."""


@dataclass
class Case:
    world: World
    number: int
    customer: str = ""
    thread: str = ""
    sids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    unanswered: list[Call] = field(default_factory=list)
    deeds: list[tuple[Any, ...]] = field(default_factory=list)
    """What somebody did at the desk without learning whether it was done: they do it again."""
    went: int = 0
    took: int = 0
    company: list[Case] = field(default_factory=list)
    """Customers of whom the same is true, and has to be afterwards."""
    may_fail: int = 0
    """How many messages may end as surely not sent: they stay in the thread, to be sent again by a person."""

    @property
    def odd(self) -> bool:
        return self.number % 2 == 1

    def begin(self, situation: str = "") -> None:
        """Somebody new, or somebody whom the desk knows in this situation."""
        self.customer = self.world.customer()
        if situation:  # its reports come while no desk listens, and the real ones are what matters here
            self.world.standin.script("lost", customer=self.customer)
            self.thread = self.world.call(situation, self.customer)

    def writes(self, body: str, *files: tuple[str, bytes]) -> None:
        self.sids.append(self.world.standin.receive(self.customer, body, media=files))

    def posts(self, call: str, *, port: int = 0, **body: Any) -> int:
        self.calls.append((f"{self.thread}/{call}", body, new_key()))
        path, body, key = self.calls[-1]
        status = self.world.post(path, body, key=key, port=port)
        if status not in ANSWERED:
            self.unanswered.append(self.calls[-1])
        return status

    def does(self, armed: str, deed: str, *given: Any) -> None:
        """Somebody at the desk does it, in a process that dies of it."""
        self.deeds.append((deed, self.customer, *given))
        self.world.begin(armed, *self.deeds[-1])

    @property
    def acknowledged(self) -> int:
        """Webhooks, calls and deeds that were answered in the end."""
        return len(self.sids) + len(self.calls) + len(self.deeds)

    def says(self, text: str, *, port: int = 0) -> int:
        self.texts.append(text)
        agent = self.world.team["agent_id"]
        return self.posts("messages", port=port, message_owner="agent", agent_id=agent, body=text)

    def assigns(self) -> int:
        return self.posts("handoff/assign", agent_id=self.world.team["agent_id"])

    def releases(self, *, resume: str) -> int:
        return self.posts(
            "handoff/release", outcome="solved", last_seen_seq=1000, summary="Pronto.", resume=resume
        )

    def recover(self) -> None:
        """What Twilio and the integration do about calls that nobody answered; then nothing may be left to do."""
        self.repeat(self.calls)
        for deed in self.deeds:
            self.world.call(*deed)
        self.world.settle()

    def repeat(self, calls: list[Call]) -> None:
        for sid in self.sids:
            self.world.redeliver(sid)
        for path, body, key in calls:
            assert self.world.insist(path, body, key=key) in ANSWERED

    def check(self) -> dict[str, Any]:
        everybody = [self, *self.company]
        stories = self.world.call("stories", [case.customer for case in everybody])
        compared = [case.compare(story) for case, story in zip(everybody, stories, strict=True)]
        return compared[0]

    def compare(self, story: dict[str, Any]) -> dict[str, Any]:
        """Everything acknowledged is there once, and Twilio took exactly what the thread shows as sent."""
        messages = story["messages"]
        ours = [message for message in messages if message["author"] != "customer"]
        went = [message for message in ours if message["status"] not in {"failed", "cancelled"}]
        took = [message for message in self.world.standin.sent() if message.customer == self.customer]
        same(range(1, story["seq"] + 1), story["numbers"], "numbers of the thread")
        same([message["provider_sid"] for message in went], [one.sid for one in took], "messages at Twilio")
        said = [message["body"] for message in ours]
        same(self.texts, [body for body in said if body in self.texts], "accepted lines")
        for found in ([message["provider_sid"] for message in messages], story["applied"]):
            same(self.sids, [sid for sid in found if sid in self.sids], "messages of the customer")
        # A bot's line is cancelled when somebody takes over before it has left.
        gone = [
            one for one in ours if one not in went and (one["author"], one["status"]) != ("bot", "cancelled")
        ]
        if len(gone) > self.may_fail:
            raise Lost(f"given up without need: {gone}")
        self._reported(went)
        self.went, self.took = len(went), len(took)
        return story

    def _reported(self, went: list[dict[str, Any]]) -> None:
        """What Twilio reported and the desk acknowledged is shown."""
        for message in went:
            for job in self.world.standin.ledger.jobs(sid=message["provider_sid"]):
                told = job.result == "204" and job.status in SHOWN
                if told and message["status"] not in SHOWN[str(job.status)]:
                    raise Lost(f"the report {job.status}: {message}")

    def in_order(self, story: dict[str, Any]) -> None:
        """Twilio took what went out in the order of the thread."""
        messages = story["messages"]
        took = [message.sid for message in self.world.standin.sent() if message.customer == self.customer]
        order = [message["provider_sid"] for message in messages if message["provider_sid"] in took]
        assert order == took, f"out of order: {messages}"

    def goes_on(self) -> None:
        """Whoever has the conversation can use it, and the customer hears of it."""
        story, before = self.world.call("story", self.customer), self.world.answered(self.customer)
        self.thread, mode = story["id"], story["mode"]
        if mode == "bot":
            self.writes("menu")
        elif mode == "human":
            assert self.says("E agora?") in ANSWERED
        else:
            assert self.assigns() in ANSWERED
            if self.check()["mode"] != "human":
                raise Stuck("nobody can take the conversation")
            return
        until(lambda: self.world.answered(self.customer) > before, "the conversation goes on")
        self.world.settle()
        self.check()
