"""The group of supervisors: exactly what the admin needs, kept by every migration, for whoever is staff."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS
from django.test import Client, RequestFactory

from conversations.admin.base import Scoped
from handoffflow import supervisors
from operators.models import Operator
from tests import builders

pytestmark = [pytest.mark.django_db, pytest.mark.engine]


def granted() -> set[str]:
    found = Permission.objects.filter(group__name=supervisors.GROUP).select_related("content_type")
    return {f"{one.content_type.app_label}.{one.codename}" for one in found}


class TestGroup:
    def test_may_what_the_pages_offer_and_nothing_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        request = RequestFactory().get("/admin/")
        request.user = builders.make_operator("caio", staff=True)
        asked: set[str] = set()

        def allow(perm: str, obj: object = None) -> bool:
            asked.add(perm)
            return True

        monkeypatch.setattr(request.user, "has_perm", allow)
        for page in admin.site._registry.values():
            assert isinstance(page, Scoped)
            page.has_view_permission(request)
            page.has_add_permission(request)
            page.has_change_permission(request)
            row = page.model()
            page.has_delete_permission(request, row if row.pk else None)
            getattr(page, "has_act_permission", lambda _request: None)(request)

        assert granted() - asked == {"conversations.delete_queue"}
        assert asked <= granted()

    def test_is_mended_by_the_next_migration(self) -> None:
        group = Group.objects.get(name=supervisors.GROUP)
        before = granted()
        odd = Permission.objects.get(codename="delete_conversation")
        group.permissions.set([odd])

        for _twice in range(2):
            supervisors.keep_group(using=DEFAULT_DB_ALIAS)

        assert granted() == before

    def test_comes_back_when_it_was_deleted(self) -> None:
        Group.objects.all().delete()
        Permission.objects.filter(content_type__app_label="conversations").delete()

        call_command("migrate", verbosity=0)

        assert {"conversations.view_conversation", "operators.change_operator"} <= granted()

    def test_waits_for_a_database_that_is_only_half_migrated(self) -> None:
        from django.apps.registry import Apps

        supervisors.keep_group(using=DEFAULT_DB_ALIAS, apps=Apps())


class TestMembership:
    def test_is_of_whoever_is_staff(self) -> None:
        caio, ana = builders.make_operator("caio", staff=True), builders.make_operator("ana")

        assert caio.get_all_permissions() == set()
        assert caio.has_perms(granted())
        assert caio.has_module_perms("conversations")
        assert not caio.has_perm("conversations.delete_conversation")
        assert not ana.has_perm("conversations.view_conversation")
        assert not ana.has_module_perms("conversations")

    def test_follows_staff_at_once(self) -> None:
        ana = builders.make_operator("ana")
        Operator.objects.filter(pk=ana.pk).update(is_staff=True)

        assert Operator.objects.get(pk=ana.pk).has_perm("conversations.view_conversation")

    def test_ends_with_the_access(self) -> None:
        caio = builders.make_operator("caio", staff=True)
        Operator.objects.filter(pk=caio.pk).update(is_active=False)

        assert not Operator.objects.get(pk=caio.pk).has_perm("conversations.view_conversation")

    def test_says_nothing_about_single_things(self) -> None:
        caio = builders.make_operator("caio", staff=True)

        assert not caio.has_perm("conversations.view_conversation", builders.make_with_bot())

    def test_logs_nobody_in(self, settings: Any) -> None:
        builders.make_operator("caio", staff=True)
        settings.AUTHENTICATION_BACKENDS = ["handoffflow.supervisors.Membership"]

        assert not Client().login(username="caio", password="demo")
