"""A question that is put together once answers as the ORM's own, each time, for whoever asks."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from conversations.compiled import Compiled
from conversations.models import Conversation, Message
from tests import builders

pytestmark = pytest.mark.django_db


def named(ids: list[int]) -> QuerySet[Message, Any]:
    found = Message.objects.filter(pk__in=ids).order_by("pk")
    return found.values_list("pk", "public_id", "extras", "created_at", "conversation__mode", named=True)


def of_one(pk: int, mode: str) -> QuerySet[Conversation]:
    return Conversation.objects.select_related("sender", "contact").filter(pk=pk, mode=mode)


def thread() -> list[int]:
    for body in "abcde":
        builders.says(body)
    return list(Message.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.parametrize("count", range(1, 6))
def test_a_list_of_any_length_finds_what_the_orm_finds(count: int) -> None:
    ids = thread()

    assert Compiled(named)(ids[:count]) == list(named(ids[:count]))


def test_instances_come_with_what_was_selected() -> None:
    conversation = builders.make_with_bot()

    [found] = Compiled(of_one)(conversation.pk, "bot")

    with CaptureQueriesContext(connection) as queries:
        assert (found, found.sender, found.contact) == (
            conversation,
            conversation.sender,
            conversation.contact,
        )
    assert list(queries) == []


def test_values_are_those_of_each_call() -> None:
    first, second = builders.make_with_bot(), builders.make_waiting(address="whatsapp:+5511900000002")
    asked = Compiled(of_one)

    assert [asked(first.pk, "bot"), asked(second.pk, "queued"), asked(second.pk, "bot")] == [
        [first],
        [second],
        [],
    ]


def test_rows_are_read_anew() -> None:
    ids = thread()
    asked = Compiled(named)
    asked(ids[:1])
    Message.objects.filter(pk=ids[0]).update(extras={"changed": True})

    assert asked(ids[:1])[0].extras == {"changed": True}


def test_it_is_put_together_once_for_lists_of_about_one_length() -> None:
    made: list[int] = []

    def noted(ids: list[int]) -> QuerySet[Message, Any]:
        made.append(len(ids))
        return named(ids)

    asked, ids = Compiled(noted), thread()
    for count in (3, 4, 3, 4, 1):
        asked(ids[:count])

    assert made == [4, 1]


def test_what_is_given_by_name_decides_about_the_question() -> None:
    def at_most(organization: int, *, size: int, newest_first: bool) -> QuerySet[Conversation]:
        mine = Conversation.objects.for_organization(organization)
        return mine.order_by("-pk" if newest_first else "pk")[:size]

    first, second = builders.make_with_bot(), builders.make_with_bot(address="whatsapp:+5511900000002")
    asked, company = Compiled(at_most), first.sender.organization_id

    assert asked(company, size=2, newest_first=True) == [second, first]
    assert asked(company, size=1, newest_first=True) == [second]
    assert asked(company, newest_first=False, size=1) == [first]
    assert asked(company, size=2, newest_first=True) == [second, first]


def test_nothing_is_asked_of_an_empty_list() -> None:
    with CaptureQueriesContext(connection) as queries:
        assert Compiled(named)([]) == []
    assert list(queries) == []


def test_a_value_that_goes_another_way_is_refused() -> None:
    def upper(mode: str) -> QuerySet[Conversation]:
        return Conversation.objects.filter(mode=mode.upper())

    with pytest.raises(ValueError, match="as it is"):
        Compiled(upper)("bot")


@pytest.mark.django_db(transaction=True)
def test_another_thread_asks_over_its_own_connection() -> None:
    conversation = builders.make_with_bot()
    asked, found = Compiled(of_one), []
    asked(conversation.pk, "bot")

    def ask() -> None:
        with CaptureQueriesContext(connection) as queries:
            found.extend([*asked(conversation.pk, "bot"), len(queries)])
        connection.close()

    other = threading.Thread(target=ask)
    other.start()
    other.join()

    assert found == [conversation, 1]
