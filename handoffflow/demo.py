"""A shop on an ordinary afternoon: the team, and customers in every state a conversation can be in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from conversations.atomically import atomically
from conversations.models import Organization, Sender
from handoffflow import demo_labels, demo_story, secrets, seeding
from operators.models import CannedReply, Operator

SHOP = "Casa Aurora"
PASSWORD = "demo"  # noqa: S105  (printed on the login page; only where DEBUG is on)
TEAM = (
    ("ana", "Ana", "Martins", False),
    ("bia", "Bia", "Rocha", False),
    ("caio", "Caio", "Nunes", True),
)
# Of no account that exists: Twilio cannot have signed for it, and nothing can be sent through it.
ACCOUNT, ADDRESS = "ACdemo" + "0" * 28, "whatsapp:+551150280199"


@dataclass(frozen=True, slots=True)
class Made:
    operators: int
    customers: int


@atomically
def seed(now: datetime) -> Made:
    """All or nothing, and each part once: what was changed by hand since stays as it is."""
    organization = seeding.defaults(example=True)
    own_account = real_account()
    if not own_account:
        Sender.objects.filter(account_sid=settings.TWILIO_SID, name=settings.APP_NAME).update(name=SHOP)
    operators = _team(organization)
    _canned(organization)
    customers = 0 if own_account else _customers(organization, now)
    return Made(operators=operators, customers=customers)


def real_account() -> bool:
    """Whether messages would leave this machine: an account that is not the simulator's own."""
    if not settings.TWILIO_SID:
        return False
    kept = secrets.kept(settings.DATA_DIR, make=False)
    return not kept or kept["simulator_sid"] != settings.TWILIO_SID


def _team(organization: Organization) -> int:
    made = 0
    for username, first, last, staff in TEAM:
        if Operator.objects.filter(username=username).exists():
            continue
        operator = Operator(
            username=username, first_name=first, last_name=last, is_staff=staff, organization=organization
        )
        operator.set_password(PASSWORD)
        operator.save()
        operator.queues.add(seeding.queue(organization))
        made += 1
    return made


def _canned(organization: Organization) -> None:
    if CannedReply.objects.filter(organization=organization).exists():
        return
    queue = seeding.queue(organization)
    for order, (code, title, body, of_queue) in enumerate(demo_story.CANNED):
        CannedReply.objects.create(
            organization=organization,
            queue=queue if of_queue else None,
            code=code,
            title=title,
            body=body,
            order=order,
        )


def _customers(organization: Organization, now: datetime) -> int:
    if Sender.objects.filter(demo=True).exists():
        return 0
    sender = Sender.objects.create(
        organization=organization, name=f"{SHOP} · exemplos", account_sid=ACCOUNT, address=ADDRESS, demo=True
    )
    seeding.answers(sender, example=True)
    ana, bia = (Operator.objects.get(username=username) for username in ("ana", "bia"))
    customers = demo_story.tell(sender, ana, bia, now)
    demo_labels.put_on(organization, bia, now)
    return customers
