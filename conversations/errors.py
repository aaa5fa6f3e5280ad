"""What the engine refuses, by the names the REST API and the panel show.

``status`` is the HTTP status a door answers with; ``extras`` are facts the caller may be told
(who won, which messages are unread), never text of a customer and never an integer id.
"""

from __future__ import annotations

from typing import Any


class HandoffError(Exception):
    code = "handoff_error"
    status = 409

    def __init__(self, **extras: Any) -> None:
        super().__init__(self.code)
        self.extras = extras


class AlreadyClaimed(HandoffError):
    """Somebody else has it: ``operator`` (the model instance) and ``handoff_at`` say who and since when."""

    code = "already_claimed"


class AtCapacity(HandoffError):
    """The operator holds as many conversations as they may: ``limit``."""

    code = "at_capacity"


class AgentUnavailable(HandoffError):
    code = "agent_unavailable"


class StaleEpoch(HandoffError):
    """The conversation changed hands since the caller looked: ``epoch`` is the current one."""

    code = "stale_epoch"


class Merged(StaleEpoch):
    """The thread was merged since the caller looked: ``into`` (a Conversation) is where it goes on."""

    code = "merged"


class UnreadMessage(HandoffError):
    """The customer wrote after what the operator saw: ``messages`` are the unread ones."""

    code = "unread_message"


class NotHuman(HandoffError):
    code = "not_human"


class NotWaiting(HandoffError):
    code = "not_waiting"


class NotYours(HandoffError):
    """Another operator holds it: ``operator`` and ``handoff_at``."""

    code = "not_yours"


class WithBot(HandoffError):
    code = "with_bot"


class WindowClosed(HandoffError):
    """WhatsApp takes free text only within 24 hours of the customer's last message (Twilio 63016)."""

    code = "window_closed"
    status = 422


class OptedOut(HandoffError):
    code = "opted_out"
    status = 422


class OutcomeRequired(HandoffError):
    code = "outcome_required"
    status = 422


class NoteRequired(HandoffError):
    code = "note_required"
    status = 422


class MentionRefused(HandoffError):
    """``name`` may not see the conversation, so nobody could tell them of it; "" in a whisper, which is for one."""

    code = "mention_refused"
    status = 422


class NotToPin(HandoffError):
    """A whisper is for one person, and what is pinned for everybody."""

    code = "not_to_pin"


class PinsFull(HandoffError):
    """As many notes are pinned as fit: ``limit``."""

    code = "pins_full"


class ProfileChanged(HandoffError):
    """Somebody else has changed what was shown."""

    code = "profile_changed"


class EmptyMessage(HandoffError):
    code = "empty_message"
    status = 422


class MessageTooLong(HandoffError):
    """``limit`` characters are accepted in one go."""

    code = "message_too_long"
    status = 422


class FileRefused(HandoffError):
    """The file cannot be sent: ``reason`` is empty, too_big (over ``limit`` megabytes), kind, voice or broken."""

    code = "file_refused"
    status = 422


class UnknownFile(HandoffError):
    """No such uploaded file waits in this conversation: it was sent already, or has expired."""

    code = "unknown_media"
    status = 422


class FileNotFetched(HandoffError):
    """The file could not be had from its address: ``reason`` is a code of ``fetching``."""

    code = "media_not_fetched"
    status = 422


class KeyReused(HandoffError):
    """The same client key came with another text."""

    code = "idempotency_mismatch"
    status = 422


class InvalidChoices(HandoffError):
    """``fields`` says what is wrong with which of them, by place; "" is all of them."""

    code = "invalid_choices"
    status = 422


class UnknownTemplate(HandoffError):
    code = "unknown_template"
    status = 422


class TemplateRefused(HandoffError):
    """It may not be sent (to this person) now: ``reason`` is not_approved or no_consent."""

    code = "template_refused"
    status = 422


class TemplateVariables(HandoffError):
    """``fields`` says what is wrong with which variable: required, line_break, spaces, too_long or unknown."""

    code = "template_variables"
    status = 422


class InvalidNumber(HandoffError):
    """Not a phone number with its country code (E.164)."""

    code = "invalid_number"
    status = 422


class ConsentRequired(HandoffError):
    """Nobody is written to first who has not agreed to it."""

    code = "consent_required"
    status = 422


class SamePerson(HandoffError):
    """Somebody is known under a number that may be theirs: ``address`` (the ContactAddress) says whom to ask about."""

    code = "same_person"


class CannotMerge(HandoffError):
    """``reason``: itself, other_sender, merged, or has_merged (others were merged into it: take them out first)."""

    code = "cannot_merge"


class NotMerged(HandoffError):
    code = "not_merged"


class WaitsInQueue(HandoffError):
    """They have asked for a person and wait: they are taken from the queue, not written to past it."""

    code = "waits_in_queue"
