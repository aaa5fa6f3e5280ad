"""The engine's pages in the admin: what supervisors set, and what happened."""

from __future__ import annotations

from conversations.admin import history, settings, traffic

__all__ = ["history", "settings", "traffic"]
