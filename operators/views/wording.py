"""Values as people read them: names, spans of time, days, addresses."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import phonenumbers
from django.utils import formats, timezone
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from conversations.models import Contact, Conversation, Status

HUES = 12
_CHANNEL = "whatsapp:"


def address(value: str) -> str:
    """A phone as it is dialled; whoever hides theirs has only an id, which says nothing to a person."""
    bare = value.removeprefix(_CHANNEL)
    if not bare.startswith("+"):
        return _("number hidden")
    try:
        number = phonenumbers.parse(bare)
    except phonenumbers.NumberParseException:
        return bare
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if phonenumbers.is_valid_number(number) or "-" in shown or shown.count(" ") > 1:
        return shown
    return _grouped(f"+{number.country_code}", bare)


def _grouped(country: str, bare: str) -> str:
    """A number of no known plan, its digits as they came: +55 00 93541-4415."""
    local = bare.removeprefix(country)
    area, rest = (local[:2], local[2:]) if len(local) > 9 else ("", local)
    if not local.isdigit() or len(rest) < 7:
        return f"{country} {local}"
    return " ".join(filter(None, [country, area, f"{rest[:-4]}-{rest[-4:]}"]))


def contact_name(conversation: Conversation) -> str:
    return conversation.contact.name or address(conversation.reply_address)


def first_name(name: str) -> str:
    """What a sentence calls somebody: a phone number stays whole."""
    return name if name.startswith("+") else name.split(" ")[0]


def initials(name: str) -> str:
    if name.startswith("+"):
        groups = name.split(" ")
        return groups[1][:2] if len(groups) > 1 else groups[0][1:3]
    words = [word for word in name.split() if word[0].isalnum()]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


def hue(thing: Contact | Any) -> str:
    """One of twelve colours, the same for one person everywhere."""
    return f"hue-{thing.public_id.int % HUES}"


def tick(status: str) -> tuple[str, str, str] | None:
    """How far our own words got: icon, what it says, class. Nothing for the customer's."""
    return {
        Status.QUEUED: ("clock", _("Sending"), ""),
        Status.SENDING: ("clock", _("Sending"), ""),
        Status.UNKNOWN: ("clock", "", ""),
        Status.SENT: ("c1", _("Sent"), ""),
        Status.DELIVERED: ("cc", _("Delivered"), ""),
        Status.READ: ("cc", _("Read"), "rd"),
        Status.FAILED: ("alert", _("Not sent"), ""),
        Status.CANCELLED: ("x", _("Cancelled"), ""),
    }.get(Status(status))


def language(code: str) -> str:
    """A language as its own speakers call it; the code where nobody knows it."""
    try:
        info = get_language_info(code.replace("_", "-").lower())
    except KeyError:
        return code
    return str(info["name_local"])[:1].upper() + str(info["name_local"])[1:]


def timer(span: timedelta) -> str:
    """A running clock: 6:42, 1:02:03."""
    seconds = max(0, int(span.total_seconds()))
    hours, rest = divmod(seconds, 3600)
    if hours:
        return f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return f"{rest // 60}:{rest % 60:02}"


def took(span: timedelta) -> str:
    """How long something lasted, in its two largest units: 22s, 1min 04s, 2h 05min."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}min {seconds % 60:02}s"
    hours, rest = divmod(seconds, 3600)
    if hours < 48:
        return f"{hours}h {rest // 60:02}min"
    return _("%(days)d days") % {"days": hours // 24}


def left(span: timedelta) -> str:
    """What is left of the 24 hours: 23h 58min, 42min."""
    minutes = max(0, int(span.total_seconds())) // 60
    return f"{minutes // 60}h {minutes % 60:02}min" if minutes >= 60 else f"{minutes}min"


def clock(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%H:%M")


def day(moment: datetime, now: datetime) -> str:
    """The pill above a day's bubbles."""
    local, today = timezone.localdate(moment), timezone.localdate(now)
    if local == today:
        return _("Today")
    if local == today - timedelta(days=1):
        return _("Yesterday")
    if today - timedelta(days=7) < local < today:
        return formats.date_format(local, "l").capitalize()
    return formats.date_format(local, "DATE_FORMAT")


def recent(moment: datetime | None, now: datetime) -> str:
    """A time in the list: today's hour, else the day."""
    if moment is None:
        return ""
    local, today = timezone.localdate(moment), timezone.localdate(now)
    if local == today:
        return clock(moment)
    if local == today - timedelta(days=1):
        return _("yesterday")
    return short_date(local)


def short_date(local: date) -> str:
    return local.strftime("%d/%m") if local.year == timezone.localdate().year else local.strftime("%d/%m/%Y")


def when(moment: datetime, now: datetime) -> str:
    """Inside a sentence: "yesterday, at 13:40"."""
    return _("%(day)s, at %(time)s") % {"day": day(moment, now).lower(), "time": clock(moment)}
