"""System checks: what Django cannot know about an unsafe or broken installation."""

from __future__ import annotations
