"""What several models share."""

from __future__ import annotations

import math
import uuid
from typing import Any, TypeVar

from django.db import models

from conversations import words


class Due(models.Model):
    """A row the worker may have to act on.

    ``due_at`` is null when nothing is due, so a plain index on it is a partial index on every database.
    ``lease_number`` fences: it rises with every claim and with every new ``due_at``, so a handler still at
    work on an older one can no longer finish it.
    """

    due_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    leased_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_number = models.PositiveIntegerField(default=0, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    ours_until = math.inf
    """In memory only: the moment (``time.monotonic``) from which somebody else may have taken the row we claimed."""

    class Meta:
        abstract = True


class Public(models.Model):
    """The only id that leaves the process."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.public_id)


SEARCHED = 4096
"""Characters of a text that are searched: as many as WhatsApp lets through."""


def searched(body: str) -> str:
    """What is looked through in place of a text: its words as ``words.normalise`` spells them, each after a space."""
    return f" {words.normalise(body[:SEARCHED])}"[:SEARCHED]


_Said = TypeVar("_Said", bound="Said")


class SaidQuerySet(models.QuerySet[_Said]):
    def update(self, **changes: Any) -> int:
        """What is written over is found no more."""
        if isinstance(body := changes.get("body"), str):
            changes["search_body"] = searched(body)
        return super().update(**changes)


class Said(Public):
    """A text of a thread, found by ``search_body``, which follows ``body``; null where it has not been filled yet."""

    search_body = models.TextField(null=True, editable=False)

    class Meta:
        abstract = True

    def save(self, **how: Any) -> None:
        self.search_body = searched(self.body)  # type: ignore[attr-defined]  # each has its own
        super().save(**how)
