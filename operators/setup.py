"""The first access of an installation: a link printed once, good until somebody can log in."""

from __future__ import annotations

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from conversations.models import Organization, Queue
from operators.models import Operator

_SALT = "operators.setup.first"
_HOURS = 24


def first_run_url() -> str | None:
    """Where the first supervisor is created; None once there is anybody."""
    if Operator.objects.exists():
        return None
    return settings.APP_URL + reverse("first_access", args=[signing.dumps("first", salt=_SALT)])


def valid(token: str) -> bool:
    try:
        signing.loads(token, salt=_SALT, max_age=_HOURS * 3600)
    except signing.BadSignature:
        return False
    return not Operator.objects.exists()


@transaction.atomic
def create_supervisor(*, username: str, name: str, password: str) -> Operator | None:
    """Make the first supervisor; None when somebody else was faster."""
    organization = Organization.default()
    Organization.objects.select_for_update().get(pk=organization.pk)
    if Operator.objects.exists():
        return None
    first, _space, last = name.strip().partition(" ")
    supervisor = Operator.objects.create_user(
        username=username,
        password=password,
        first_name=first,
        last_name=last.strip(),
        organization=organization,
        is_staff=True,
    )
    supervisor.queues.set(Queue.objects.for_organization(organization).filter(is_default=True))
    return supervisor
