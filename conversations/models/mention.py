from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from conversations.models.note import Note

if TYPE_CHECKING:
    from conversations.models.conversation import Conversation
    from operators.models import Operator

_PLACE = Coalesce("note__conversation__merged_into", "note__conversation")


class MentionQuerySet(models.QuerySet["Mention"]):
    def unread_by(self, operator: Operator) -> MentionQuerySet:
        return self.filter(operator=operator, read_at=None)

    def places(self) -> set[int]:
        """The conversations they are read in: a merged one's is where it goes on."""
        return set(self.values_list(_PLACE, flat=True))

    def within(self, conversations: models.QuerySet[Conversation]) -> MentionQuerySet:
        return self.alias(place=_PLACE).filter(place__in=conversations.values("pk"))

    def waiting(self) -> models.Exists:
        """An annotation of conversations: whether somebody has a mention in it to read."""
        unread = self.filter(read_at=None)
        own = unread.filter(note__conversation=models.OuterRef("pk"))
        inherited = unread.filter(note__conversation__merged_into=models.OuterRef("pk"))
        return models.Exists(own) | models.Exists(inherited)  # type: ignore[return-value]  # of two, one condition

    def of(self, conversation: Conversation) -> MentionQuerySet:
        """Those in its notes, and in those of the conversations that were merged into it."""
        here = models.Q(note__conversation=conversation)
        return self.filter(here | models.Q(note__conversation__merged_into=conversation))


class Mention(models.Model):
    """A colleague named in a note, or whispered to: a row and no event, it waits until they have opened the chat."""

    note = models.ForeignKey(Note, models.CASCADE, related_name="mentions")
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="mentions")
    said = models.CharField(max_length=255)
    """What they are called in the note, without the @. Nothing in a whisper to them."""
    read_at = models.DateTimeField(null=True, blank=True)

    objects = MentionQuerySet.as_manager()

    if TYPE_CHECKING:
        note_id: int
        operator_id: int

    class Meta:
        verbose_name = _("mention")
        verbose_name_plural = _("mentions")
        constraints = [models.UniqueConstraint(fields=["note", "operator"], name="mention_once")]
        indexes = [models.Index(fields=["operator", "read_at"], name="mention_unread")]

    def __str__(self) -> str:
        return f"mention #{self.pk}"
