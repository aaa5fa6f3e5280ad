"""Every word of the product is there in Portuguese and Spanish; English is the source itself."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation.template import templatize

from handoffflow import catalogue
from handoffflow.management.commands import compile_translations

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("pt_BR", "es")
CALLS = {f"{kind}gettext{lazy}" for kind in ("", "n", "p", "np") for lazy in ("", "_lazy")} | {"_"}
_STRING = r"u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
IN_TEMPLATES = re.compile(rf"(?<!p)(?:_|gettext|ngettext)\({_STRING}|pgettext\({_STRING},\s*{_STRING}")


def entries(language: str) -> list[catalogue.Entry]:
    source = ROOT / "locale" / language / "LC_MESSAGES" / "django.po"
    return [entry for entry in catalogue.parse(source.read_text(encoding="utf-8")) if entry.texts["msgid"]]


def said_in_python() -> Iterator[str]:
    for app in ("handoffflow", "operators", "conversations"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in CALLS:
                    text = node.args[1] if "pgettext" in _name(node.func) else node.args[0]
                    if isinstance(text, ast.Constant):
                        yield str(text.value)


def _name(function: ast.expr) -> str:
    return getattr(function, "id", "") or getattr(function, "attr", "")


def said_in_templates() -> Iterator[str]:
    for path in (ROOT / "templates").rglob("*.html"):
        for plain, _context, told in IN_TEMPLATES.findall(templatize(path.read_text(encoding="utf-8"))):
            yield str(ast.literal_eval(plain or told))


def holes(text: str) -> list[str]:
    """The places a value goes into: the same in every language, whatever their order."""
    return sorted(re.findall(r"%\(\w+\)[sd]|%[sd]|%%", text))


class TestCatalogues:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_leave_nothing_open(self, language: str) -> None:
        unfinished = [
            entry.texts["msgid"] for entry in entries(language) if entry.fuzzy or not all(entry.forms)
        ]

        assert unfinished == []

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_compile(self, language: str) -> None:
        assert compile_translations.compiled(entries(language))

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_know_every_word_of_the_screens(self, language: str) -> None:
        known = {entry.texts["msgid"] for entry in entries(language)}

        missing = {*said_in_python(), *said_in_templates()} - known

        assert missing == set()

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_keep_what_is_filled_in(self, language: str) -> None:
        torn = [
            entry.texts["msgid"]
            for entry in entries(language)
            for form in entry.forms
            if holes(form) != holes(entry.texts.get("msgid_plural", entry.texts["msgid"]))
        ]

        assert torn == []

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_end_sentences_as_the_source_does(self, language: str) -> None:
        """A full stop that comes or goes shows beside its neighbours."""
        odd = [
            entry.texts["msgid"]
            for entry in entries(language)
            if entry.texts["msgid"][-1] in ".?!…:" and entry.forms[0][-1] not in string.punctuation + "…º"
        ]

        assert odd == []

    def test_are_the_two_that_exist(self) -> None:
        assert sorted(path.name for path in (ROOT / "locale").iterdir()) == sorted(LANGUAGES)


class TestScreens:
    @pytest.mark.parametrize(
        ("language", "words"),
        [
            ("pt-br", "A pessoa resolve."),
            ("en", "A person solves."),
            ("es", "La persona resuelve."),
        ],
    )
    @pytest.mark.django_db
    def test_speak_the_chosen_language(
        self, client: Client, settings: Any, language: str, words: str
    ) -> None:
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language

        page = client.get("/accounts/login/")

        assert words in page.content.decode()
        assert page["Content-Language"] == language

    def test_use_the_names_people_hold_on_to(self) -> None:
        fixed = {
            "Take next": "Atender próximo",
            "Take": "Atender",
            "Take over": "Assumir conversa",
            "Finish chat": "Finalizar atendimento",
            "Send": "Enviar",
            "Message": "Mensagem",
        }

        with translation.override("pt-br"):
            assert {source: translation.gettext(source) for source in fixed} == fixed
