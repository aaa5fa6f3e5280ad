"""Every key of the console, in one table: the browser listens by it, the sheet behind ``?`` and the command bar show
it, and the page of the manual is held to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from operators.models import Operator

LIST, CHAT, GO, WRITING = _("The list"), _("The open chat"), _("Go to"), _("While you write")
SHOWN = {"Ctrl": "Ctrl/⌘", "ArrowDown": "↓", "ArrowUp": "↑", "Escape": "Esc"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """``press`` is what is pressed, one after the other or together, as browsers name it; ``also`` another key for the
    same. ``act`` is what the browser does then: with none, the page does by itself what pages do."""

    press: str
    says: str | Promise
    group: str | Promise
    also: str = ""
    act: str = ""
    icon: str = ""
    """In the command bar, where it has one."""
    staff: bool = False

    @property
    def shown(self) -> list[list[str]]:
        """The caps of each way to press it."""
        return [[_cap(key) for key in way.split()] for way in (self.press, self.also) if way]

    @property
    def caps(self) -> list[str]:
        return self.shown[0]


KEYS = (
    Key(press="a", says=_("Take next, or take over the open chat"), group=LIST, act="take", icon="hand"),
    Key(press="j", also="ArrowDown", says=_("Next row"), group=LIST, act="next"),
    Key(press="k", also="ArrowUp", says=_("Previous row"), group=LIST, act="previous"),
    Key(press="Enter", says=_("Open the row"), group=LIST),
    Key(press="/", says=_("Search name, phone or message"), group=LIST, act="search", icon="search"),
    Key(press="r", says=_("Reply"), group=CHAT, act="reply", icon="reply"),
    Key(press="n", says=_("Internal note"), group=CHAT, act="note", icon="lock"),
    Key(press="q", says=_("Quote"), group=CHAT, act="quote", icon="reply"),
    Key(press="t", says=_("Transfer"), group=CHAT, act="transfer", icon="swap"),
    Key(press="f", says=_("Finish chat"), group=CHAT, act="finish", icon="check"),
    Key(press="b", says=_("Summary of the bot"), group=CHAT, act="summary", icon="bot"),
    Key(press="i", says=_("Contact details"), group=CHAT, act="contact", icon="user"),
    Key(press="u", says=_("Mark as unread"), group=CHAT, act="unread", icon="inbox"),
    Key(press="End", says=_("Newest messages"), group=CHAT, act="newest", icon="down"),
    Key(press="g f", says=_("The list of chats"), group=GO, act="list", icon="chat"),
    Key(press="g p", says=_("Team's page"), group=GO, act="team", icon="users", staff=True),
    Key(press="g r", says=_("Work in progress"), group=GO, act="work", icon="activity", staff=True),
    Key(press="?", says=_("Keyboard shortcuts"), group=GO, act="sheet", icon="help"),
    Key(press="Ctrl k", says=_("Command bar"), group=GO, act="command"),
    Key(press="Enter", says=_("Send"), group=WRITING),
    Key(press="Shift Enter", says=_("New line"), group=WRITING),
    Key(press="Ctrl Enter", says=_("Confirm the dialog"), group=WRITING, act="confirm"),
    Key(press="/", says=_("Canned replies, at the start of a line"), group=WRITING),
    Key(press="Alt n", says=_("Note or reply"), group=WRITING, act="toggle"),
    Key(press="Escape", says=_("Close what is open, or leave what you write in"), group=WRITING, act="leave"),
)


def known_to(operator: Operator) -> list[Key]:
    return [key for key in KEYS if operator.is_staff or not key.staff]


def keymap(operator: Operator) -> str:
    """What the browser listens to: ``a=take`` and so on."""
    bound = [(way, key.act) for key in known_to(operator) if key.act for way in (key.press, key.also) if way]
    return " ".join(f"{way.replace(' ', '+')}={act}" for way, act in bound)


def grouped(keys: Iterable[Key]) -> list[tuple[str, list[Key]]]:
    return [(str(group), list(those)) for group, those in groupby(keys, key=lambda key: key.group)]


def _cap(key: str) -> str:
    return SHOWN.get(key, key.upper() if len(key) == 1 else key)
