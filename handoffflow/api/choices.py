"""What a message may offer to be answered with, as it is sent and as it is shown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from conversations import choices
from conversations.choices import Choices


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str = Field(min_length=1, max_length=100, description="Up to 24 characters.")
    description: str = Field(default="", max_length=200, description="Up to 72 characters.")


class Menu(BaseModel):
    """A list behind a button."""

    model_config = ConfigDict(extra="forbid", strict=True)

    button: str = Field(min_length=1, max_length=100, description="Up to 20 characters.")
    items: list[Line] = Field(min_length=1, max_length=50, description="Up to ten.")


class UsedTemplate(BaseModel):
    content_sid: str
    name: str
    language: str


def offered(buttons: list[str], menu: Menu | None) -> Choices | None:
    if menu is not None:
        return choices.menu(menu.button, [(item.title, item.description) for item in menu.items])
    return choices.buttons(buttons) if buttons else None
