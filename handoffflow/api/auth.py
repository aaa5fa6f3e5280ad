"""Who calls, and how far they reach: an API key, or an operator's session on the panel's own origin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from ninja.utils import check_csrf
from pydantic import BaseModel

from conversations import clock, contract, models
from conversations.models import Conversation, Organization
from handoffflow.api import limits, wire
from handoffflow.api.errors import Refused
from handoffflow.models import ApiKey, Scope
from operators.models import Operator

_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Either ``key`` or ``operator``."""

    organization: Organization
    scopes: frozenset[str]
    key: ApiKey | None = None
    operator: Operator | None = None

    @property
    def principal(self) -> str:
        return f"key:{self.key.public_id}" if self.key else f"operator:{self._operator.public_id}"

    @property
    def is_bot(self) -> bool:
        return Scope.BOT in self.scopes

    @property
    def sees_all(self) -> bool:
        """A key that is no single sender's: whatever the organization has."""
        return self.key is not None and self.key.sender_id is None

    @property
    def may_force(self) -> bool:
        """Whether this caller may take a conversation from whoever has it."""
        return Scope.ADMIN in self.scopes or (self.operator is not None and self.operator.is_staff)

    @property
    def _operator(self) -> Operator:
        if self.operator is None:
            raise Refused("unauthenticated")
        return self.operator

    def conversations(self) -> models.conversation.ConversationQuerySet:
        """Everything this caller may know of; whatever is not in here does not exist for them."""
        if self.key is None:
            return Conversation.objects.visible_to(self._operator).with_parties()
        mine = Conversation.objects.for_organization(self.organization)
        if not self.sees_all:
            mine = mine.filter(sender=self.key.sender_id)
        return mine.with_parties()

    def conversation(self, conv_id: str) -> Conversation:
        found = self.conversations().filter(public_id=conv_id).first() if wire.is_id(conv_id) else None
        if found is None:
            raise Refused("not_found")
        return found

    def readable(self, conv_id: str) -> Conversation:
        """As ``conversation``; one that was merged can still be read, and says where it goes on."""
        try:
            return self.conversation(conv_id)
        except Refused:
            if not wire.is_id(conv_id):
                raise
            goes_on = self.conversations().values("pk")
            merged = Conversation.objects.filter(public_id=conv_id, merged_into__in=goes_on)
            found = merged.with_parties().first()
            if found is None:
                raise
            return found

    def agent(self, agent_id: str | None) -> Operator:
        """The operator a call speaks of. In a session that is whoever is logged in, unless they supervise."""
        if self.operator is not None and agent_id in {None, str(self.operator.public_id)}:
            return self.operator
        if self.operator is not None and not self.operator.is_staff:
            raise Refused("scope")
        if agent_id is None:
            raise Refused("invalid", [("agent_id", "required")])
        team = Operator.objects.for_organization(self.organization).filter(is_active=True)
        found = team.filter(public_id=agent_id).first()
        if found is None:
            raise Refused("unknown_agent")
        return found

    def cause(self) -> contract.Cause:
        if self.key is not None:
            kind: contract.Actor = "bot" if self.is_bot else "api"
            return contract.Cause(kind=kind, door="api", id=str(self.key.public_id))
        person = self._operator
        return contract.Cause(
            kind="supervisor" if person.is_staff else "operator", door="api", id=str(person.public_id)
        )


class ApiRequest(HttpRequest):
    """What an operation is given once ``Access`` has let it in."""

    auth: Caller
    document: dict[str, Any]


class Access:
    """Lets in whoever has one of the scopes, and reads the request on the way, before anything is validated."""

    openapi_security_schema = {"type": "http", "scheme": "bearer"}

    def __init__(
        self, *scopes: Scope, query: type[BaseModel] | None = None, takes: wire.Takes = wire.Takes.JSON
    ) -> None:
        self.scopes = frozenset(scopes)
        self.query = query
        self.takes = takes

    def __call__(self, request: HttpRequest) -> Caller:
        writes = request.method not in _SAFE
        bearer = request.headers.get("Authorization")
        caller = _by_session(request) if bearer is None else _by_key(request, bearer)
        limits.spend(request, caller.principal)
        if caller.operator is not None and writes and check_csrf(request) is not None:
            raise Refused("csrf")
        if writes:
            wire.check_headers(request, self.takes)
        if not self.scopes & caller.scopes:
            raise Refused("scope")
        wire.check_query(request, self.query)
        if writes:
            read = wire.form if self.takes is wire.Takes.FILE else wire.document
            request.document = read(request)  # type: ignore[attr-defined]
        return caller


def _by_key(request: HttpRequest, bearer: str) -> Caller:
    scheme, _blank, token = bearer.partition(" ")
    limits.before_guessing(request, token)
    now = clock.now()
    key = ApiKey.authenticate(token, now=now) if scheme.lower() == "bearer" else None
    if key is None:
        raise limits.failed(request, token)
    limits.known.add(token)
    key.note_use(now)
    return Caller(organization=key.organization, scopes=scopes_of(key), key=key)


def scopes_of(key: ApiKey) -> frozenset[str]:
    """What the key may, and what that includes."""
    scopes = set(key.scopes)
    return frozenset(scopes | {Scope.DESK, Scope.READ} if Scope.ADMIN in scopes else scopes)


def _by_session(request: HttpRequest) -> Caller:
    user = request.user
    if not isinstance(user, Operator):
        raise limits.failed(request)
    return Caller(organization=user.organization, scopes=frozenset({Scope.DESK, Scope.READ}), operator=user)
