"""Writing first: a template opens a conversation with somebody who has not written (again)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from conversations import audit, contacts, errors, handoffs, templates
from conversations.atomically import atomically
from conversations.contract import Door
from conversations.models import Author, Conversation, Sender, Template
from operators import desk
from operators.models import Operator


@atomically
def start(
    sender: Sender,
    *,
    operator: Operator,
    door: Door,
    number: str,
    name: str,
    template: Template,
    values: Mapping[str, str],
    agreed: bool,
    now: datetime,
    client_key: str | None = None,
    same: bool | None = None,
) -> Conversation:
    """Write to ``number`` with a template, and hold the conversation from then on: it takes one of the places.

    ``agreed``: the operator says that this person agreed to it, which is noted. ``same`` answers whether somebody
    known by the same number without its ninth digit, or with it, is this person; SamePerson asks. All or nothing.
    """
    address = contacts.phone(number)
    if not agreed:
        raise errors.ConsentRequired
    address = _meant(sender, address, same)
    desk.take_row_of(operator, claimed_at=now)
    conversation = contacts.reach(sender, address, name=name)
    by = desk.cause(operator, door)
    handoffs.start(conversation, cause=by, operator=operator, limit=operator.capacity, now=now)
    if contacts.agreed(conversation.contact, by=operator, now=now):
        audit.note(
            "contact.opted_in",
            cause=by,
            organization=sender.organization_id,
            now=now,
            subject=conversation.contact,
        )
    current = Conversation.objects.with_parties().get(pk=conversation.pk)
    templates.send(
        current,
        cause=by,
        author=Author.OPERATOR,
        operator=operator,
        template=template,
        values=values,
        now=now,
        epoch=current.epoch,
        client_key=client_key,
    )
    return current


def _meant(sender: Sender, address: str, same: bool | None) -> str:
    alike = contacts.alike(sender, address)
    if alike is None:
        return address
    if same is None:
        raise errors.SamePerson(address=alike)
    return alike.value if same else address
