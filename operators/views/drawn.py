"""What templates draw many of."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.safestring import SafeString


class Drawn:
    """Its values are found by key as well, because a template asks by key first: else each of them costs an exception.

    A thread of fifty bubbles asks for seven hundred values; without this they take half of its time.
    """

    __slots__ = ()
    __getitem__ = object.__getattribute__


def ours(value: UUID | datetime | str) -> SafeString:
    """A value that no template needs to look through. Of texts only those that nobody outside of this code wrote."""
    return SafeString(value.isoformat() if isinstance(value, datetime) else value)
