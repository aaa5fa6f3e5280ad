"""What supervisors may do in the admin: the permissions of one group, kept by every migration, for all of staff."""

from __future__ import annotations

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Permission
from django.db.models import Q

GROUP = "supervisors"
MAY = {
    "conversations.auditentry": ("view",),
    "conversations.botanswer": ("view", "add", "change", "delete"),
    "conversations.conversation": ("view", "change"),
    "conversations.delivery": ("view",),
    "conversations.handoff": ("view",),
    "conversations.inboundwebhook": ("view",),
    "conversations.knowledgearticle": ("view", "add", "change", "delete"),
    "conversations.message": ("view",),
    "conversations.queue": ("view", "add", "change", "delete"),
    "conversations.sender": ("view", "add", "change"),
    "conversations.template": ("view",),
    "handoffflow.apikey": ("view", "add", "change"),
    "handoffflow.notice": ("view", "change"),
    "handoffflow.subscription": ("view", "add", "change", "delete"),
    "operators.attributedefinition": ("view", "add", "change", "delete"),
    "operators.contactlink": ("view", "add", "change", "delete"),
    "operators.operator": ("view", "add", "change"),
    "operators.cannedreply": ("view", "add", "change", "delete"),
    "operators.reason": ("view", "add", "change", "delete"),
    "operators.tag": ("view", "add", "change", "delete"),
}
"""Exactly what the pages offer. To change a conversation is to act on it, to change a notice to repeat it."""


def keep_group(*, using: str, apps: Any = installed, **_signal: Any) -> None:
    """Make the group, and give it these permissions and no others. ``apps`` are as of the last migration."""
    try:
        groups = apps.get_model("auth", "Group")._default_manager.using(using)
        permissions = apps.get_model("auth", "Permission")._default_manager.using(using)
    except LookupError:
        return  # migrated only to where there are none yet
    for label in {model.partition(".")[0] for model in MAY}:
        # Django's own receiver makes them, too, but only when it is the turn of the app.
        create_permissions(installed.get_app_config(label), verbosity=0, using=using, apps=apps)
    wanted = Q(pk=None)
    for model, verbs in MAY.items():
        label, _dot, name = model.partition(".")
        codenames = [f"{verb}_{name}" for verb in verbs]
        wanted |= Q(content_type__app_label=label, content_type__model=name, codename__in=codenames)
    group, _made = groups.get_or_create(name=GROUP)
    group.permissions.set(permissions.filter(wanted))


class Membership:
    """An authentication backend that logs nobody in. Who is staff is of the group: there is no list to fall behind."""

    def authenticate(self, request: Any, **_credentials: Any) -> None:
        return None

    def has_perm(self, operator: Any, permission: str, thing: Any = None) -> bool:
        return thing is None and permission in _of(operator)

    def has_module_perms(self, operator: Any, label: str) -> bool:
        return any(permission.startswith(f"{label}.") for permission in _of(operator))


def _of(operator: Any) -> set[str]:
    """Asked for once for each request's operator."""
    if not (operator.is_active and getattr(operator, "is_staff", False)):
        return set()
    if not hasattr(operator, "granted"):
        found = Permission.objects.filter(group__name=GROUP)
        operator.granted = {
            f"{label}.{codename}"
            for label, codename in found.values_list("content_type__app_label", "codename")
        }
    return set(operator.granted)
