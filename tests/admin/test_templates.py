"""The page of the templates: what was read, what went wrong, and the button that reads it again."""

from __future__ import annotations

import pytest
from django.test import Client

from conversations import clock
from conversations.models import TemplateSync
from tests import builders
from tests.templates import make_template

pytestmark = pytest.mark.django_db
PAGE = "/admin/conversations/template/"


@pytest.fixture
def supervisor(client: Client) -> Client:
    client.force_login(builders.make_operator("caio", staff=True))
    return client


def test_reads_the_list_again_when_asked(supervisor: Client) -> None:
    make_template(builders.make_sender())

    page = supervisor.post(f"{PAGE}sync/", follow=True)

    assert "Retomar o atendimento" in page.content.decode()
    due = TemplateSync.objects.get().due_at
    assert due is not None
    assert due <= clock.now()


def test_says_what_went_wrong_and_when(supervisor: Client) -> None:
    sender = builders.make_sender()
    TemplateSync.objects.create(
        organization=sender.organization,
        account_sid=sender.account_sid,
        last_error="credentials",
        last_error_at=clock.now(),
    )

    page = supervisor.get(PAGE).content.decode()

    assert "errornote" in page
    assert sender.account_sid in page


def test_tells_nothing_of_another_company(client: Client) -> None:
    sender = builders.make_sender()
    TemplateSync.objects.create(organization=sender.organization, account_sid="ACours")
    davi = builders.make_stranger()
    davi.is_staff = True
    davi.save()
    client.force_login(davi)

    assert "ACours" not in client.get(PAGE).content.decode()
    client.post(f"{PAGE}sync/")
    assert TemplateSync.objects.get(account_sid="ACours").due_at is None
