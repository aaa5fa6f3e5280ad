"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

APPS = ("handoffflow", "operators", "conversations")
GUARDED = {"mode", "epoch", "operator", "operator_id", "offered_to", "offered_to_id"}
WRITES = {"update", "update_or_create", "create", "get_or_create", "bulk_update"}
MAX_FILE, MAX_FUNCTION = 300, 50
Function = ast.FunctionDef | ast.AsyncFunctionDef

FORBIDDEN_IN_TEMPLATES = {
    "an inline script": r"<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)",
    "an inline style": r"<style\b|\sstyle\s*=",
    "an event handler": r"\son[a-z]+\s*=\s*[\"']",
    "hx-on": r"\bhx-on\b",
    "a js: value": r"[\"'\s{](?:js|javascript):",
    "a trigger filter": r"hx-trigger[\w:-]*\s*=\s*(?:\"[^\"]*\[|'[^']*\[)",
    "text marked safe": r"\|\s*safe\b|\|\s*safeseq\b|autoescape\s+off",
    "somebody else's origin": r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//",
}


def modules() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def templates() -> Iterator[Path]:
    yield from sorted((ROOT / "templates").rglob("*.html"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def mentions_conversation(node: ast.expr) -> bool:
    """``conversation``, ``thread.conversation``, ``Conversation.objects.filter(…)``; not ``BotTurn.…``."""
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and "conversation" in node.attr.lower():
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and "conversation" in node.id.lower()


def assigned(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return [
            part for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Attribute)
        ]
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def writes_who_speaks(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        for target in assigned(node):
            if (
                isinstance(target, ast.Attribute)
                and target.attr in GUARDED
                and mentions_conversation(target.value)
            ):
                return True
        if isinstance(node, ast.Call) and _is_guarded_update(node):
            return True
    return False


def _is_guarded_update(call: ast.Call) -> bool:
    keywords = {keyword.arg for keyword in call.keywords}
    if isinstance(call.func, ast.Name):
        return call.func.id == "Conversation" and bool(keywords & GUARDED)
    if not isinstance(call.func, ast.Attribute) or not keywords & GUARDED:
        return False
    # take() is the fence of a conversation's row and exists on its query set only.
    return call.func.attr == "take" or (call.func.attr in WRITES and mentions_conversation(call.func.value))


class TestWhoSpeaks:
    def test_is_written_by_handoffs_only(self) -> None:
        writers = [name(path) for path in modules() if writes_who_speaks(path.read_text())]

        assert {writer.rpartition("/")[0] for writer in writers} == {"conversations/handoffs"}

    @pytest.mark.parametrize(
        "source",
        [
            "conversation.mode = 'human'",
            "handoff.conversation.operator = ana",
            "conversation.mode, other = 'human', 1",
            "conversation.epoch += 1",
            "Conversation.objects.filter(pk=1).update(mode='human')",
            "Conversation.objects.for_organization(o).filter(pk=1).update(offered_to=None)",
            "at(waiting, epoch).take(pk, 1, mode='human')",
            "Conversation.objects.create(sender=s, mode='human')",
            "Conversation(sender=s, operator=ana)",
        ],
    )
    def test_would_be_noticed_elsewhere(self, source: str) -> None:
        assert writes_who_speaks(source)

    @pytest.mark.parametrize(
        "source",
        [
            "BotTurn.objects.filter(pk=1).update(epoch=2)",
            "message.epoch = 1",
            "Handoff.objects.filter(conversation=conversation).update(operator=ana)",
            "Conversation.objects.filter(mode='human')",
            "Conversation.objects.filter(pk=1).update(seq=2)",
            "Conversation.objects.filter(mode='bot').take(pk, 1, unread=0)",
        ],
    )
    def test_is_not_confused_with_its_neighbours(self, source: str) -> None:
        assert not writes_who_speaks(source)


class TestModules:
    def test_stay_small(self) -> None:
        lengths = {name(path): len(path.read_text().splitlines()) for path in modules()}

        assert {path: lines for path, lines in lengths.items() if lines > MAX_FILE} == {}

    def test_are_made_of_short_functions(self) -> None:
        lengths = {
            f"{name(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
            for path in modules()
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, Function)
        }

        assert {function: lines for function, lines in lengths.items() if lines > MAX_FUNCTION} == {}

    def test_never_mark_text_as_safe(self) -> None:
        marks = re.compile(r"\bmark_safe\b|\bSafe(?:String|Text)\(")

        assert [name(path) for path in modules() if marks.search(path.read_text())] == [
            "operators/views/drawn.py"  # for ids, times and names of classes
        ]

    def test_never_ignore_conflicts(self) -> None:
        """MariaDB swallows truncation and failed checks along with them."""
        assert [name(path) for path in modules() if "ignore_conflicts" in path.read_text()] == []


class TestTemplates:
    @pytest.mark.parametrize("what", FORBIDDEN_IN_TEMPLATES)
    def test_hold_none_of(self, what: str) -> None:
        pattern = re.compile(FORBIDDEN_IN_TEMPLATES[what], re.IGNORECASE)

        assert [name(path) for path in templates() if pattern.search(path.read_text())] == []

    @pytest.mark.parametrize(
        ("what", "markup"),
        [
            ("an inline script", "<script>alert(1)</script>"),
            ("an inline script", "<script type=module>alert(1)</script>"),
            ("an inline style", '<p style="color: red">'),
            ("an event handler", '<button onclick="go()">'),
            ("hx-on", '<p hx-on:click="go()">'),
            ("a js: value", "<p hx-vals='js:{a: 1}'>"),
            ("a trigger filter", '<p hx-trigger="keyup[key==13]">'),
            ("text marked safe", "{{ body|safe }}"),
            ("somebody else's origin", '<script src="//cdn.example.com/a.js"></script>'),
        ],
    )
    def test_would_be_caught_with(self, what: str, markup: str) -> None:
        assert re.search(FORBIDDEN_IN_TEMPLATES[what], markup, re.IGNORECASE)

    def test_may_load_scripts_from_files(self) -> None:
        markup = '<script src="{% static \'js/console.js\' %}" type="module"></script>'

        assert not re.search(FORBIDDEN_IN_TEMPLATES["an inline script"], markup)
