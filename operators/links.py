"""Addresses of other systems with gaps for what is known of a contact: what one may look like, and how it is filled."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from operators import attributes

GAP = re.compile(r"\{([^{}]*)\}")
ATTRIBUTE = "attribute."


class Unusable(Exception):
    """The address cannot be one; says why."""


def check(template: str) -> None:
    """Only https (http while developing), to a fixed host, with gaps that exist."""
    schemes = ("https", "http") if settings.DEBUG else ("https",)
    bare = GAP.sub("", template)
    try:
        place = urlsplit(bare)
        fixed = urlsplit(template)
        host = place.hostname
        place.port  # noqa: B018 - raises for one that is none
    except ValueError:
        raise Unusable(_("This is no web address.")) from None
    if place.scheme not in schemes or not re.match(r"https?://", template):
        raise Unusable(_("The address has to begin with https://."))
    if (
        not host
        or place.username is not None
        or fixed.netloc != place.netloc
        or re.search(r"[\s\\<>\"]", bare)
    ):
        raise Unusable(_("The host is written out, without spaces, a user or a gap."))
    if "{" in bare or "}" in bare:
        raise Unusable(_("A brace is open or empty."))
    for name in GAP.findall(template):
        if name not in {"phone", "conversation"} and not (
            name.startswith(ATTRIBUTE) and name.removeprefix(ATTRIBUTE).strip()
        ):
            raise Unusable(
                _("There is no {%(name)s}: use {phone}, {conversation} or {attribute.name}.") % {"name": name}
            )


def fill(template: str, *, phone: str, conversation: str, known: Mapping[str, Any]) -> str:
    """The address, every value percent-encoded; "" where a value is missing, or the template is none any more."""
    try:
        check(template)
    except Unusable:
        return ""
    missing = False

    def value(gap: re.Match[str]) -> str:
        nonlocal missing
        name = gap[1]
        found = {"phone": phone, "conversation": conversation}.get(name)
        text = _plain(known.get(name.removeprefix(ATTRIBUTE))) if found is None else found
        # A browser takes . and .. for a step in the path, encoded or not.
        missing = missing or not text or not text.strip(".")
        return quote(text, safe="")

    filled = GAP.sub(value, template)
    return "" if missing else filled


def _plain(value: Any) -> str:
    """Texts, numbers, yes and no; nothing that has parts."""
    return attributes.plain(value).strip() if isinstance(value, str | int | float) else ""
