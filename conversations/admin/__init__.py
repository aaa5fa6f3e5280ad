"""The engine's pages in the admin: what supervisors set, and what happened."""

from __future__ import annotations

from conversations.admin import history, knowledge, messages, settings, templates, traffic, trail

__all__ = ["history", "knowledge", "messages", "settings", "templates", "traffic", "trail"]
