"""The OpenAPI document is the truth: whatever is generated from it, no answer is a 5xx or undocumented.

``EXAMPLES`` says how many requests are generated for each call by the three callers, ``EXAMPLES_ALL`` how many for each
caller. Collecting these tests takes ten seconds, since the cases at the edges are made then.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from conversations import clock, fetching, media, uploads
from conversations.models import Attachment, Conversation, Message, Organization
from conversations.twilio.downloads import DownloadFailed, Head
from handoffflow.api import api
from handoffflow.simulator import attachments as pictures
from handoffflow.wsgi import application
from tests.api.calls import make_key
from tests.builders import make_held, make_operator, make_sender, make_waiting, make_with_bot

pytestmark = pytest.mark.django_db

ORIGIN = "https://desk.example.com"
PHOTO = pictures.photo()[1]
PDF = b"%PDF-1.7\n" + b"x" * 100
SAID = ("body", "media_id", "media_url", "content_sid")
"""What a message can consist of; two of them seldom go together."""


def generates(name: str) -> hypothesis.settings:
    wanted = os.environ.get("EXAMPLES_ALL") or os.environ.get(name)
    return hypothesis.settings(
        max_examples=int(wanted or 3),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )


CONFORMANCE = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
STRICT = [*CONFORMANCE, checks.negative_data_rejection, checks.unsupported_method, checks.ignored_auth]
schemathesis.openapi.format("binary", strategies.sampled_from([PHOTO, PHOTO + b"x", PDF, b"x"]))


def document() -> dict[str, Any]:
    schema: dict[str, Any] = api.get_openapi_schema()
    return schema


generated = schemathesis.openapi.from_dict(document())
generated.app = application
unplanned = schemathesis.openapi.from_dict(document())
unplanned.app = application
unplanned.config.phases.coverage.enabled = False
"""Without the cases at the edges, which the desk meets as well."""


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """As Django's own test client does: the end of a request must not close the test's transaction."""
    ends = (request_started, request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _surroundings(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls without a limit, files in a folder of their own, and no address outside."""
    settings.API_RATE = 0
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(fetching, "fetch", fetch)


async def fetch(url: str, *, write: Callable[[bytes], object], **_bounds: Any) -> Head:
    if len(url) % 2:
        raise DownloadFailed("not_found")
    write(PHOTO)
    return Head("image/png", "")


@pytest.fixture
def desk_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key('admin')[1]}"}


@pytest.fixture
def bot_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key('bot', 'read', sender=make_sender())[1]}"}


@pytest.fixture
def foreign_headers() -> dict[str, str]:
    make_sender()  # the first company is the default one
    other = Organization.objects.create(name="Outra")
    return {"Authorization": f"Bearer {make_key('admin', organization=other)[1]}"}


@pytest.fixture
def threads() -> list[Conversation]:
    ana = make_operator("ana")
    return [
        make_with_bot(address="whatsapp:+5511900000001"),
        make_waiting(address="whatsapp:+5511900000002"),
        make_held(ana, address="whatsapp:+5511900000003"),
    ]


@pytest.fixture
def files(threads: list[Conversation]) -> dict[int, str]:
    """A stored file in each thread, by the thread's key."""
    found = {}
    for thread in threads:
        row = Attachment.objects.create(message=Message.objects.filter(conversation=thread).in_order()[0])
        media.keep(row, BytesIO(PHOTO), now=clock.now())
        found[thread.pk] = str(row.public_id)
    return found


def aimed(case: Any, threads: list[Conversation], files: dict[int, str]) -> Any:
    """The generated call, on a conversation, an agent and files that exist: each thread in turn."""
    thread = threads.pop(0)
    threads.append(thread)
    named = case.path_parameters or {}
    if "conv_id" in named:
        named["conv_id"] = str(thread.public_id)
    if "media_id" in named:
        named["media_id"] = files[thread.pk]
    if isinstance(case.body, dict) and "agent_id" in case.body and threads[0].operator:
        case.body["agent_id"] = str(threads[0].operator.public_id)
    if isinstance(case.body, dict) and "media_id" in case.body:
        case.body["media_id"] = uploaded(thread)
    return case


def meant(case: Any, threads: list[Conversation], owner: str) -> Any:
    """Every other message is one that makes sense: by who may, where they may, of one thing, under no key."""
    body = case.body
    whole = isinstance(body, dict) and isinstance(body.get("message_owner"), str)
    if not whole or case.method != "POST" or threads[-1].mode == "queued":
        return case
    speaks = next(thread for thread in threads if thread.mode == ("bot" if owner == "bot" else "human"))
    case.path_parameters["conv_id"] = str(speaks.public_id)
    kept = next((name for name in reversed(SAID[:3]) if body.get(name)), "body")
    body |= {"message_owner": owner, "epoch": speaks.epoch, kept: body.get(kept) or "Oi!"}
    body |= {"agent_id": str(speaks.operator.public_id)} if speaks.operator else {}
    for name in ({*SAID} - {kept}) | {"variables", "buttons", "menu", "reply_to"}:
        body.pop(name, None)
    if kept == "media_id":
        body[kept] = uploaded(speaks)
    if kept == "media_url":
        body[kept] = [f"https://files.example.com/{len(str(body[kept]))}"]
    case.headers.pop("Idempotency-Key", None)
    return case


def uploaded(thread: Conversation) -> str:
    file = SimpleUploadedFile("x.png", PHOTO, "image/png")
    return str(uploads.keep(thread, file, now=clock.now()).public_id)


@generated.parametrize()
@generates("EXAMPLES_ALL")
def test_what_nobody_foresaw_is_answered_as_documented(case: Any, desk_headers: dict[str, str]) -> None:
    case.call_and_validate(base_url=ORIGIN, headers=desk_headers, checks=STRICT)


@generated.parametrize()
@generates("EXAMPLES")
def test_three_callers_are_answered_as_documented(
    case: Any,
    foreign_headers: dict[str, str],
    desk_headers: dict[str, str],
    threads: list[Conversation],
    files: dict[int, str],
) -> None:
    """Nobody, another company, and at last the desk, with one and the same call."""
    called = aimed(case, threads, files)

    nobody = called.call_and_validate(base_url=ORIGIN, checks=CONFORMANCE)
    assert nobody.status_code in {401, 405}
    foreign = called.call_and_validate(base_url=ORIGIN, headers=foreign_headers, checks=CONFORMANCE)
    assert foreign.status_code >= 400 or "conv_id" not in (called.path_parameters or {})
    assert not any(str(thread.public_id).encode() in foreign.content for thread in threads)
    meant(called, threads, "agent").call_and_validate(
        base_url=ORIGIN, headers=desk_headers, checks=CONFORMANCE
    )


@unplanned.parametrize()
@generates("EXAMPLES_ALL")
def test_a_bot_is_answered_as_documented(
    case: Any, bot_headers: dict[str, str], threads: list[Conversation], files: dict[int, str]
) -> None:
    called = meant(aimed(case, threads, files), threads, "bot")
    called.call_and_validate(base_url=ORIGIN, headers=bot_headers, checks=CONFORMANCE)


class TestDocument:
    def test_covers_every_call_with_its_refusals(self) -> None:
        for path, methods in document()["paths"].items():
            for method, operation in methods.items():
                answers = set(operation["responses"])
                assert {"401", "403", "422", "429", "503"} <= answers, path
                if method == "post":
                    assert {"400", "404", "409", "413", "415"} <= answers, path
                    assert next(iter(operation["requestBody"]["content"].values()))["schema"], path

    def test_gives_an_example_of_every_refusal_and_every_body(self) -> None:
        schema = document()
        for methods in schema["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        examples = answer["content"]["application/problem+json"]["examples"]
                        assert {str(item["value"]["status"]) for item in examples.values()} == {status}
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    name = content["schema"].get("$ref", "").rpartition("/")[2]
                    assert content.get("examples") or schema["components"]["schemas"][name]["examples"]

    def test_tells_of_a_suggestion_where_one_is_kept(self) -> None:
        def example(call: str) -> dict[str, Any]:
            refused = document()["paths"][f"/api/v1/conversations/{{conv_id}}/{call}"]["post"]["responses"][
                "409"
            ]
            examples = refused["content"]["application/problem+json"]["examples"]
            return dict(examples["stale_epoch"]["value"])

        assert "suggestion_id" in example("messages")
        assert "suggestion_id" not in example("handoff/assign")

    def test_names_each_operation_once(self) -> None:
        names = [
            operation["operationId"]
            for methods in document()["paths"].values()
            for operation in methods.values()
        ]

        assert len(set(names)) == len(names)
        assert "release_handoff" in names
