from __future__ import annotations

from django.db import models

from conversations.models.base import Due, Public
from conversations.models.conversation import Conversation
from conversations.models.message import Message


class Overheard(Public, Due):
    """A line of an operator's that the sender's bot is still to be told. Gone once it was, or need not be."""

    message = models.OneToOneField(Message, models.CASCADE, related_name="overheard")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="+")
    seq = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "seq"], name="overheard_seq")]
