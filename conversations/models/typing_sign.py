from __future__ import annotations

from django.db import models

from conversations.models.base import Due
from conversations.models.conversation import Conversation


class TypingSign(Due):
    """That the customer is to be shown that somebody types. ``shown_at`` is when they last were."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, related_name="typing_sign")
    shown_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"#{self.pk}"
