"""The team's pages in the admin: who serves, what they hold, and what a supervisor does about it."""

from __future__ import annotations

from operators.admin import canned, conversations, labels, queues, team

__all__ = ["canned", "conversations", "labels", "queues", "team"]
