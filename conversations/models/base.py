"""What several models share."""

from __future__ import annotations

import math
import uuid

from django.db import models


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
