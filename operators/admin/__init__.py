"""The team's pages in the admin: who serves, what they hold, and what a supervisor does about it."""

from __future__ import annotations

from operators.admin import conversations, labels, queues, team

__all__ = ["conversations", "labels", "queues", "team"]
