"""Every answer that a call gives when it succeeds has the shape that the document says, member by member.

Shapes are made without being checked, for speed: here they are.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

import handoffflow.api
from handoffflow.api import api, schemas
from operators.models import CannedReply, Operator
from tests.api import world
from tests.api.calls import ROOT
from tests.api.test_access import CALLS, call, make_api
from tests.api.test_contacts import define

pytestmark = pytest.mark.django_db
UNSETTLED = {"say as bot", "decline", "cancel", "next", "retry", "arrived"}
"""Refused as the world stands: their tests show what they answer else."""


def operation(name: str) -> dict[str, Any]:
    plain = re.sub(r"{\w+}", "{}", CALLS[name].path)
    for path, methods in api.get_openapi_schema()["paths"].items():
        if re.sub(r"{\w+}", "{}", path.removeprefix(ROOT)) == plain:
            found: dict[str, Any] = methods[CALLS[name].method]
            return found
    raise LookupError(name)


def test_answers_are_as_documented() -> None:
    ids = world.ours()
    CannedReply.objects.create(
        organization=Operator.objects.get(username="ana").organization, code="oi", title="Oi", body="Oi!"
    )
    define("plan", "list", choices="A")
    keys = {scope: make_api(scope) for scope in ("admin", "bot")}

    answers = {
        name: call(keys["admin" if "admin" in CALLS[name].scopes else "bot"], name, ids) for name in CALLS
    }

    assert {name for name, response in answers.items() if response.status_code >= 300} == UNSETTLED
    documents = {name: response for name, response in answers.items() if response.status_code != 204}
    assert answers.keys() - documents.keys() == {"unsubscribe"}
    wrong = {name: found for name, response in documents.items() if (found := faults(name, response))}
    assert wrong == {}
    bare = {name for name, response in documents.items() if response.json().get("items") == []}
    assert bare == {"tags of it", "untag", "events"}


def test_a_shape_made_at_once_is_the_one_that_is_checked() -> None:
    actor = schemas.Actor.of(kind="bot", id="7")

    assert actor == schemas.Actor(kind="bot", id="7")
    assert actor.model_dump_json() == '{"kind":"bot","id":"7"}'
    with pytest.raises(TypeError, match="Actor has kind, id"):
        schemas.Actor.of(kind="bot")


def test_shapes_have_names_of_their_own() -> None:
    """Of two with one name, the document would describe one and mean both."""
    found: Counter[str] = Counter()
    for module in pkgutil.iter_modules(handoffflow.api.__path__, "handoffflow.api."):
        known = vars(importlib.import_module(module.name)).values()
        here = {one for one in known if isinstance(one, type) and issubclass(one, BaseModel)}
        found.update(one.__name__ for one in here if one.__module__ == module.name)

    assert {name for name, times in found.items() if times > 1} == set()


def faults(name: str, response: Any) -> list[str]:
    content = operation(name)["responses"][str(response.status_code)]["content"]
    kind = response["Content-Type"].partition(";")[0]
    schema = content[kind]["schema"] | {"components": api.get_openapi_schema()["components"]}
    checked = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return [error.message for error in checked.iter_errors(response.json())]
