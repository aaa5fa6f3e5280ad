"""What the language of the templates costs: our own templates, read as Jinja2's, with the same words in them.

The list and the thread are drawn by both from the same objects; a difference in what they draw is an error.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench import figures, paths

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
WARM = 5
_TOKEN = re.compile(r"{%-?\s*(?P<tag>.+?)\s*-?%}|{{\s*(?P<value>.+?)\s*}}", re.DOTALL)
_WORD = re.compile(r"""\w+=(?:"[^"]*"|'[^']*'|\S+)|"[^"]*"(?:\|\S+)?|'[^']*'(?:\|\S+)?|\S+""")
_LOOP = {"counter": "index", "counter0": "index0", "first": "first", "last": "last"}


def translated(source: str) -> str:
    """A template of Django's as one of Jinja2's. It knows the tags that the console uses, and no others."""
    out, at, tokens = [], 0, list(_TOKEN.finditer(source))
    while tokens:
        token = tokens.pop(0)
        out.append(source[at : token.start()])
        at = token.end()
        if token["value"]:
            out.append(_shown(_value(token["value"])))
            continue
        name, _space, rest = token["tag"].partition(" ")
        if name == "blocktranslate":
            at, said = _block(source, token, tokens)
            out.append(said)
        else:
            out.append(_tag(name, rest))
    return "".join([*out, source[at:]])


def _shown(expression: str) -> str:
    return "{{ " + expression + " }}"


def _done(statement: str) -> str:
    return "{% " + statement + " %}"


def _tag(name: str, rest: str) -> str:
    words = _WORD.findall(rest)
    if name in {"load", "csrf_token", "localize", "endlocalize"}:
        return ""
    if name == "include":
        given = [f"{key}={_value(value)}" for key, value in _pairs(words[1:])]
        inner = _done(f"include {words[0]}")
        return f"{_done('with ' + ', '.join(given))}{inner}{_done('endwith')}" if given else inner
    if name in {"translate", "url", "icon"}:
        return _call(name, words)
    if name in {"if", "elif", "for", "with"}:
        return _done(f"{name} {_expression(', '.join(words) if name == 'with' else rest)}")
    return _done({"empty": "else"}.get(name, name))


def _call(name: str, words: list[str]) -> str:
    target = words[words.index("as") + 1] if "as" in words else ""
    given = words[: words.index("as")] if target else words
    if name == "translate":
        given = [given[0], *given[2:3]]
    said = f"tag_{name}({', '.join(map(_value, given))})"
    return _done(f"set {target} = {said}") if target else _shown(said)


def _block(source: str, token: re.Match[str], tokens: list[re.Match[str]]) -> tuple[int, str]:
    """A sentence with values in it, and where the template goes on behind it."""
    start, plural = token.end(), None
    while (inner := tokens.pop(0))["tag"] != "endblocktranslate":
        plural = inner if inner["tag"] == "plural" else plural
    end = plural.start() if plural else inner.start()
    one = _sentence(source[start:end])
    many = _sentence(source[plural.end() : inner.start()]) if plural else ""
    words = _WORD.findall(token["tag"])[1:]
    pairs = _pairs(words)
    names = {*re.findall(r"%\((\w+)\)s", one + many)}
    given = [f"{key!r}: {_value(value)}" for key, value in pairs]
    given += [f"{name!r}: {name}" for name in sorted(names - {key for key, _value in pairs})]
    count = _value(pairs[0][1]) if plural else "none"
    return inner.end(), _shown(f"tag_sentence({one!r}, {many!r}, {count}, {{{', '.join(given)}}})")


def _sentence(text: str) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", text.replace("%", "%%"))


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return [(key, value) for word in words if "=" in word for key, _equal, value in [word.partition("=")]]


def _expression(text: str) -> str:
    return " ".join(
        _value(word) if not word.startswith(("==", "!=")) else word for word in _WORD.findall(text)
    )


def _value(text: str) -> str:
    """``a.b|default:"c"`` as a Jinja2 expression."""
    text = re.sub(r"\bforloop\.(\w+)", lambda match: f"loop.{_LOOP[match[1]]}", text)
    text = re.sub(r"\|default:(\"[^\"]*\"|'[^']*'|[\w.]+)", r"|default(\1, true)", text)
    text = re.sub(r"\|(\w+):(\"[^\"]*\"|'[^']*'|[\w.]+)", r"|\1(\2)", text)
    return {"None": "none", "True": "true", "False": "false"}.get(text, text)


def _environment() -> Any:
    import jinja2
    from django.conf import settings
    from django.urls import reverse
    from django.utils.translation import gettext, ngettext, pgettext
    from markupsafe import Markup, escape

    from operators.templatetags import console

    def sentence(one: str, many: str, count: int | None, given: dict[str, Any]) -> Markup:
        text = gettext(one) if count is None else ngettext(one, many, count)
        return Markup(text % {key: escape(value) for key, value in given.items()})  # noqa: S704

    def translate(text: str, context: str = "") -> Markup:
        return Markup(pgettext(context, text) if context else gettext(text))  # noqa: S704

    class Loader(jinja2.BaseLoader):
        def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
            path = settings.BASE_DIR / "templates" / template
            return translated(path.read_text()), str(path), lambda: True

    environment = jinja2.Environment(loader=Loader(), autoescape=True)
    environment.globals |= {
        "tag_sentence": sentence,
        "tag_translate": translate,
        "tag_url": lambda name, *args: reverse(name, args=args),
        "tag_icon": console.icon,
    }
    environment.filters |= {
        "add": lambda value, more: value + more,
        "stringformat": lambda value, form: f"%{form}" % value,
    }
    return environment


def _scenes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    from conversations import clock
    from conversations.models import Conversation
    from operators.models import Operator
    from operators.views import panes, rows
    from tests import builders

    ana = builders.make_operator("ana", capacity=100)
    for number in range(25):
        builders.make_waiting(address=f"whatsapp:+55219{number:08d}")
        builders.make_held(ana, address=f"whatsapp:+55119{number:08d}")
    held = builders.make_held(ana)
    for number in range(50):
        builders.says(f"mensagem {number} *com marca* e https://example.com/{number}")
    now = clock.now()
    found = Conversation.objects.visible_to(ana).with_parties().get(pk=held.pk)
    listing = rows.listing(Operator.objects.get(pk=ana.pk), now)
    pane = panes.pane(found, ana, now, after=None, new_after=None)
    yield "queue, 50 rows", "operator/_list.html", {"list": listing}
    yield "thread, 50 messages", "operator/_bubbles.html", {"pane": pane}


def main() -> None:
    paths.prepare()
    from django.conf import settings
    from django.template.loader import get_template

    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    environment = _environment()
    json.dump(
        [
            _compared(name, get_template(path), environment.get_template(path), context)
            for name, path, context in _scenes()
        ],
        sys.stdout,
    )


def _compared(name: str, ours: Any, theirs: Any, context: dict[str, Any]) -> dict[str, Any]:
    drawn, other = ours.render(context), theirs.render(**context)
    if _bare(drawn) != _bare(other):
        raise SystemExit(f"{name}: the two differ\n{_first_difference(_bare(drawn), _bare(other))}")
    django, jinja = [], []
    for _round in range(ROUNDS + WARM):
        django.append(_cpu(lambda: ours.render(context)))
        jinja.append(_cpu(lambda: theirs.render(**context)))
    pairs = zip(django[WARM:], jinja[WARM:], strict=True)
    return {
        "page": name,
        "cpu_ms": figures.summed(django[WARM:]),
        "jinja_ms": figures.summed(jinja[WARM:]),
        "ratio": figures.summed([one / other for one, other in pairs]),
    }


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def _bare(drawn: str) -> str:
    return re.sub(r"\s+", "", drawn).replace("&#34;", "&quot;").replace("&#x27;", "&#39;")


def _first_difference(one: str, other: str) -> str:
    at = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    return f"{one[at - 80 : at + 120]}\n{other[at - 80 : at + 120]}"


if __name__ == "__main__":
    main()
