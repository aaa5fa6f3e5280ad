"""Translations compile on a machine without gettext."""

from __future__ import annotations

import gettext
import io

import pytest

from handoffflow import catalogue
from handoffflow.management.commands import compile_translations

SOURCE = """
# A comment.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

#: a/file.py
msgid "Send"
msgstr "Enviar"

msgctxt "a state"
msgid "Send"
msgstr "Envio"

#, python-format
msgid "%(count)s place \\"free\\""
msgid_plural "%(count)s places"
msgstr[0] "%(count)s lugar "
"“livre”"
msgstr[1] "%(count)s lugares"

#, fuzzy
msgid "Guess"
msgstr "Chute"

msgid "Missing"
msgstr ""

#~ msgid "Obsolete"
#~ msgstr "Obsoleto"
"""


def translations(source: str) -> gettext.GNUTranslations:
    return gettext.GNUTranslations(io.BytesIO(compile_translations.compiled(catalogue.parse(source))))


class TestACompiledCatalogue:
    def test_translates_texts_contexts_and_plurals(self) -> None:
        compiled = translations(SOURCE)

        assert compiled.gettext("Send") == "Enviar"
        assert compiled.pgettext("a state", "Send") == "Envio"
        assert compiled.ngettext('%(count)s place "free"', "%(count)s places", 1) == "%(count)s lugar “livre”"
        assert compiled.ngettext('%(count)s place "free"', "%(count)s places", 2) == "%(count)s lugares"

    @pytest.mark.parametrize("text", ["Guess", "Missing", "Obsolete"])
    def test_leaves_unfinished_texts_as_they_are(self, text: str) -> None:
        assert translations(SOURCE).gettext(text) == text

    @pytest.mark.parametrize(
        ("source", "line"),
        [
            ('msgid "a"', "line 1"),
            ('msgid "a"\nmsgstr "b"\nmsgstr "c"', "line 3"),
            ('msgid "a"\nmsgstr "b" c', "line 2"),
            ('"a"', "line 1"),
            ('msgstr "a"', "line 1"),
        ],
    )
    def test_is_refused_with_the_line_that_is_wrong(self, source: str, line: str) -> None:
        with pytest.raises(ValueError, match=line):
            catalogue.parse(source)
