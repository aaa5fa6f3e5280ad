"""What axe-core says of what is on the screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

STRICT = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
"""Those of WCAG 2.2, such as the size of what is pressed, are off unless they are asked for."""
COLOURS = ("color-contrast",)
"""All that another look can change."""


def broken(
    page: Page, *, only: Sequence[str] = (), without: Sequence[str] = (), leaving_out: Sequence[str] = ()
) -> list[str]:
    """Each rule that is broken, by its name, with the first places.

    ``only`` and ``without`` name rules, or it is all that axe has on; ``leaving_out`` are selectors. Axe is told to
    keep what is right to itself (those lists are most of its answer), and to fetch no sheet again.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if only:
        options["runOnly"] = list(only)
    options["rules"] = {name: {"enabled": False} for name in without}
    where = json.dumps({"exclude": [[selector] for selector in leaving_out]} if leaving_out else {})
    found = page.evaluate(_RUN % (where if leaving_out else "document", json.dumps(options)))
    return [f"{rule}: {', '.join(places)}" for rule, places in found]


_RUN = """() => axe.run(%s, %s).then(({ violations }) =>
  violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ target }) => target.flat().join(" "))]))"""
