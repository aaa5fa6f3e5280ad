"""How an operator wants their screens and calls. Kept with them, so that it is the same in every browser."""

from __future__ import annotations

from collections.abc import Mapping

from operators.models import Operator

CHOICES: Mapping[str, tuple[str, ...]] = {
    "theme": ("auto", "light", "dark"),
    "density": ("comfortable", "compact"),
    "sound": ("on", "off"),
    "hide": ("off", "on"),
    "keys": ("on", "off"),
}
"""The first of each is what holds until somebody chooses. ``hide`` keeps names out of notifications; ``keys`` are the
single letters, which some people's tools type by themselves."""


def of(operator: Operator) -> dict[str, str]:
    kept = operator.preferences
    return {name: kept[name] if kept.get(name) in known else known[0] for name, known in CHOICES.items()}


def chosen(told: Mapping[str, str]) -> dict[str, str]:
    """What of it was told, and known."""
    return {name: told[name] for name, known in CHOICES.items() if told.get(name) in known}


def keep(operator: Operator, changes: Mapping[str, str]) -> None:
    if changes:
        operator.preferences = {**operator.preferences, **changes}
        Operator.objects.filter(pk=operator.pk).update(preferences=operator.preferences)
