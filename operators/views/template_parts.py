"""A template as the dialog shows it: a line of the list, and the bubble as it will arrive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from conversations import filling, words
from conversations.models import Category, Conversation, Sender, Template
from operators.forms import TemplateForm
from operators.models import Operator
from operators.views import suggestions, wording

CATEGORY_CHIPS = {Category.UTILITY: "info", Category.MARKETING: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A template in the list; ``barred`` says why it cannot be chosen."""

    id: str
    url: str
    label: str
    text: str
    category: str
    category_label: str
    chip: str
    language: str
    barred: str
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    name: str
    label: str
    source: str
    value: str
    sample: str
    wide: bool
    error: str
    person: bool
    """It is the customer's first name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the preview; a gap's is marked, and follows its field."""

    text: str
    gap: str = ""
    label: str = ""
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    line: Line
    header: list[Piece]
    body: list[Piece]
    footer: list[Piece]
    buttons: list[dict[str, str]]
    media: bool
    gaps: list[Gap]
    first_wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """For whom a template is chosen: the customer of a conversation, or somebody who is written to first."""

    operator: Operator
    sender: Sender
    conversation: Conversation | None = None

    @property
    def offered(self) -> list[Template]:
        """Those in the customer's language first, and then by name."""
        spoken = (self.conversation.contact.language if self.conversation else self.operator.language)[:2]

        def place(row: Template) -> tuple[bool, str, str]:
            return row.language[:2].lower() != spoken.lower(), words.normalise(row.label), row.language

        return sorted(Template.objects.of(self.sender).offered(), key=place)

    def find(self, wanted: UUID | None) -> Template | None:
        if wanted is None:
            return None
        return Template.objects.of(self.sender).offered().filter(public_id=wanted).first()

    def barred(self, row: Template) -> str:
        """Why it cannot be chosen. Nobody is written to first who has not agreed to it."""
        reason = row.barred(self.conversation.contact if self.conversation else None)
        if reason == "no_consent":
            if self.conversation is None:
                return ""
            name = wording.first_name(wording.contact_name(self.conversation))
            return _("%(name)s has not agreed to promotions") % {"name": name}
        return capfirst(row.get_approval_display()) if reason else ""

    def url(self, row: Template) -> str:
        if self.conversation is None:
            return f"{reverse('operator-new-template', args=[row.public_id])}?sender={self.sender.public_id}"
        return reverse("operator-template", args=[self.conversation.public_id, row.public_id])


def listed(to: Recipient, form: TemplateForm, wrong: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The list, narrowed as the form says, and the one beside it that was asked for or may be sent."""
    found = to.offered
    counts = {category: sum(row.category == category for row in found) for category in CATEGORY_CHIPS}
    rows = [row for row in found if _fits(row, form)]
    free = [row for row in rows if not to.barred(row)]
    chosen = next((row for row in free if row.public_id == form.template), free[0] if free else None)
    lines = {row.content_sid: line(row, to, current=row is chosen) for row in rows}
    used = [lines[sid] for sid in suggestions.used(to.operator) if sid in lines]
    return {
        "used": used,
        "others": [one for one in lines.values() if one not in used],
        "counts": [(name, Category(name).label, count) for name, count in counts.items() if count],
        "total": len(found),
        "q": form.search,
        "category": form.category,
        "step": "preview" if form.template else "list",
        "shown": chosen and preview(to, chosen, given=form.values if wrong else None, wrong=wrong or {}),
    }


def _fits(row: Template, form: TemplateForm) -> bool:
    said = words.normalise(f"{row.label} {row.body}")
    in_category = not form.category or row.category == form.category
    return in_category and all(word in said for word in words.normalise(form.search).split())


def line(row: Template, to: Recipient, *, current: bool) -> Line:
    return Line(
        id=str(row.public_id),
        url=to.url(row),
        label=row.label,
        text=" ".join("".join(_plain(piece) for piece in filling.pieces(row.body)).split()),
        category=row.category,
        category_label=str(dict(Category.choices).get(row.category, "")),
        chip=CATEGORY_CHIPS.get(Category(row.category), "") if row.category in Category.values else "",
        language=wording.language(row.language),
        barred=to.barred(row),
        current=current,
    )


def _plain(piece: filling.Piece) -> str:
    return f"{{{gap_label(piece.gap).lower()}}}" if piece.gap else piece.text


def gap_label(name: str) -> str:
    """``order_number`` is read as Order number, and a bare ``2`` as Field 2."""
    if name.isdigit():
        return _("Field %(number)s") % {"number": name}
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|_+", " ", name).strip()
    return plain[:1].upper() + plain[1:]


def preview(
    to: Recipient,
    template: Template,
    *,
    given: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> Preview:
    suggested, wrong = suggestions.of(template, to.conversation, to.operator), wrong or {}
    gaps = {}
    for place, variable in enumerate(template.variables):
        name = variable["name"]
        found = suggested.get(name)
        value, source = found or ("", "")
        gaps[name] = Gap(
            name=name,
            label=gap_label(name),
            source=source if given is None or given.get(name) == value else "",
            value=value if given is None else given.get(name, ""),
            sample=variable["sample"],
            wide=place == len(template.variables) - 1 and place % 2 == 0,
            error=sentence(wrong[name]) if name in wrong else "",
            person=name in suggestions.persons(template),
        )
    return Preview(
        line=line(template, to, current=True),
        header=_pieces(template.header, gaps),
        body=_pieces(template.body, gaps),
        footer=_pieces(template.footer, gaps),
        buttons=template.buttons,
        media=bool(template.media),
        gaps=list(gaps.values()),
        first_wrong=next((gap.name for gap in gaps.values() if gap.error), ""),
    )


def _pieces(text: str, gaps: Mapping[str, Gap]) -> list[Piece]:
    found = []
    for piece in filling.pieces(text):
        gap = gaps.get(piece.gap)
        if gap is None:
            found.append(Piece(text=piece.text))
        else:
            label = gap.label.lower()
            found.append(Piece(text=gap.value or label, gap=gap.name, label=label, empty=not gap.value))
    return found


def sentence(code: str) -> str:
    """What is wrong in a field, and what to do."""
    return {
        "required": _("Fill this in to send."),
        "line_break": _("One line only: WhatsApp takes no line breaks or tabs here."),
        "spaces": _("WhatsApp takes no more than four spaces in a row."),
        "too_long": _("The text becomes too long: up to %(limit)s characters in all.")
        % {"limit": filling.LONGEST},
    }.get(code) or _("This field does not belong to the template.")
