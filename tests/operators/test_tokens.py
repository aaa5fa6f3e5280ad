"""The stylesheets' tokens: one palette for every page, readable in both themes, and one scale of sizes."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

CSS = Path("static/css")
DARK = "[data-theme=dark]"
TEXT, GRAPHICS = 4.5, 3.0
"""WCAG 2.2 AA: 1.4.3 for text, 1.4.11 for what has to be told apart."""
LEGIBLE = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3") for ground in ("surface", "surface-2", "canvas")),
    *((ink, "surface-3") for ink in ("ink", "ink-2", "ink-3")),
    *((ink, ground) for ink in ("ink", "ink-2") for ground in ("in", "out", "bot", "note")),
    *((f"{kind}-ink", kind) for kind in ("note", "bot", "warn", "danger", "ok", "info")),
    *((f"{kind}-ink", "surface") for kind in ("note", "bot", "warn", "danger", "ok", "info", "brand")),
    ("ink-3", "in"),
    ("ink-3", "brand-weak"),
    ("out-meta", "out"),
    ("tick", "out"),
    ("brand-ink", "brand-weak"),
    ("brand-ink", "canvas"),
    ("on-brand", "brand"),
    ("on-brand", "brand-hover"),
    ("danger-ink", "canvas"),
    ("rail-ink", "rail"),
    ("rail-on", "rail-active"),
]
DISTINCT = [("line-strong", "surface"), ("focus", "surface"), ("focus", "canvas"), ("focus", "surface-2")]
SIZES = re.compile(r"(?<!-)(?:font-size|font):([^;}]+)")
OWN_SIZES = {"console.css": 3, "login.css": 2, "team.css": 1, "work.css": 2, "writing.css": 1}
"""How often a page has a size of its own, for a headline or a picture: a number that may only fall."""


def rules(name: str) -> Iterator[tuple[str, str]]:
    """Each innermost block of a stylesheet with its selector."""
    text = re.sub(r"/\*.*?\*/", "", (CSS / name).read_text(), flags=re.DOTALL)
    for match in re.finditer(r"([^{};]+)\{([^{}]*)\}", text):
        yield match[1].strip().replace('"', ""), match[2]


def tokens(block: str) -> dict[str, str]:
    return {match[1]: match[2].strip() for match in re.finditer(r"--([\w-]+):([^;]+)", block)}


def palettes(name: str) -> list[tuple[str, dict[str, str]]]:
    """What the roots of a stylesheet set, in the order of the text: light, dark by choice, dark by the system."""
    return [(selector, tokens(block)) for selector, block in rules(name) if selector.startswith(":root")]


def palette(name: str, theme: str) -> dict[str, str]:
    found = palettes(name)
    light = found[0][1]
    return light if theme == "light" else light | next(own for at, own in found if at.endswith(DARK))


def rgb(colour: str) -> tuple[float, float, float]:
    value = colour.removeprefix("#")
    assert len(value) == 6, colour
    red, green, blue = (int(value[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def luminance(colour: tuple[float, float, float]) -> float:
    """Relative, as WCAG 2 defines it."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_reckoned_as_the_standard_does() -> None:
    assert contrast(rgb("#000000"), rgb("#FFFFFF")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_written_can_be_read(theme: str) -> None:
    there = palette("console.css", theme)
    wanted = [(pair, TEXT) for pair in LEGIBLE] + [(pair, GRAPHICS) for pair in DISTINCT]

    found = {pair: contrast(rgb(there[pair[0]]), rgb(there[pair[1]])) for pair, _least in wanted}

    assert {pair: found[pair] for pair, least in wanted if found[pair] < least} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_initials_can_be_read_in_every_hue(theme: str) -> None:
    there = palette("console.css", theme)
    hues = [int(value) for _at, block in rules("console.css") for value in re.findall(r"--h: (\d+)", block)]
    assert len(set(hues)) >= 12

    def drawn(token: str, hue: int) -> tuple[float, float, float]:
        saturation, lightness = (int(part.strip("%")) / 100 for part in there[token].split())
        return colorsys.hls_to_rgb(hue / 360, lightness, saturation)

    found = {hue: contrast(drawn("av-ink", hue), drawn("av-bg", hue)) for hue in hues}
    assert {hue: value for hue, value in found.items() if value < TEXT} == {}


@pytest.mark.parametrize("name", ["console.css", "tokens.css", "simulator.css"])
def test_dark_is_the_same_by_choice_and_by_the_system(name: str) -> None:
    _light, chosen, system = palettes(name)

    assert chosen[1] == system[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_beside_the_console_have_its_colours(theme: str) -> None:
    console, pages = palette("console.css", theme), palette("tokens.css", theme)
    colours = {name for name, value in pages.items() if value.startswith("#")} & set(console)

    assert {name: pages[name] for name in colours} == {name: console[name] for name in colours}
    assert len(colours) > 30


def test_no_style_asks_for_a_token_that_is_nowhere() -> None:
    sheets = [path.name for path in CSS.glob("*.css")]
    known = {token for name in sheets for _at, block in rules(name) for token in tokens(block)}
    asked = {
        (name, token)
        for name in sheets
        for token in re.findall(r"var\(--([\w-]+)\)", (CSS / name).read_text())
    }

    djangos = {"admin.css"}  # it sets what Django's own styles ask for
    assert {(name, token) for name, token in asked if token not in known and name not in djangos} == set()


def test_letters_have_the_sizes_of_the_scale() -> None:
    own: dict[str, int] = {}
    for path in CSS.glob("*.css"):
        for _at, block in rules(path.name):
            for value in SIZES.findall(block):
                fine = "var(--t-" in value or re.search(r"\b(inherit|1em|0|16px)\b", value)
                own[path.name] = own.get(path.name, 0) + (not fine)

    assert {name: count for name, count in own.items() if count} == OWN_SIZES


def test_corners_have_the_radii_of_the_scale() -> None:
    scale = palette("console.css", "light")

    assert [scale[f"r-{step}"] for step in (1, 2, 3)] == ["6px", "10px", "14px"]
    assert [float(scale[f"t-{step}"].removesuffix("rem")) * 16 for step in (11, 12, 13, 14, 15, 17, 20)] == [
        *(11, 12, 13, 14, 15, 17, 20)
    ]


def test_both_themes_set_the_same_tokens() -> None:
    for name, (at, theme) in product(("console.css", "tokens.css"), enumerate(("light", "dark"))):
        colours = {token for token, value in palettes(name)[at][1].items() if value.startswith("#")}
        assert colours == {token for token, value in palettes(name)[0][1].items() if value.startswith("#")}, (
            name,
            theme,
        )
