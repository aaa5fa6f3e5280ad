"""A template as the dialog shows it: a line of the list, and the bubble as it will arrive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from conversations import filling
from conversations.models import Category, Conversation, Template
from operators.models import Operator
from operators.views import suggestions, wording

CATEGORY_CHIPS = {Category.UTILITY: "info", Category.MARKETING: "warn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A template in the list; ``barred`` says why it cannot be chosen."""

    id: str
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


def line(row: Template, conversation: Conversation, chosen: Template | None) -> Line:
    return Line(
        id=str(row.public_id),
        label=row.label,
        text=" ".join("".join(_plain(piece) for piece in filling.pieces(row.body)).split()),
        category=row.category,
        category_label=str(dict(Category.choices).get(row.category, "")),
        chip=CATEGORY_CHIPS.get(Category(row.category), "") if row.category in Category.values else "",
        language=wording.language(row.language),
        barred=_barred(row, conversation),
        current=chosen is not None and chosen.pk == row.pk,
    )


def _plain(piece: filling.Piece) -> str:
    return f"{{{gap_label(piece.gap).lower()}}}" if piece.gap else piece.text


def _barred(row: Template, conversation: Conversation) -> str:
    reason = row.barred(conversation.contact)
    if reason == "no_consent":
        name = wording.first_name(wording.contact_name(conversation))
        return _("%(name)s has not agreed to promotions") % {"name": name}
    if reason:
        return capfirst(row.get_approval_display())
    return ""


def gap_label(name: str) -> str:
    """``order_number`` is read as Order number, and a bare ``2`` as Field 2."""
    if name.isdigit():
        return _("Field %(number)s") % {"number": name}
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|_+", " ", name).strip()
    return plain[:1].upper() + plain[1:]


def preview(
    operator: Operator,
    conversation: Conversation,
    template: Template,
    *,
    given: Mapping[str, str] | None,
    wrong: Mapping[str, str],
) -> Preview:
    suggested = suggestions.of(template, conversation, operator)
    gaps = []
    for place, variable in enumerate(template.variables):
        name = variable["name"]
        value, source = suggested.get(name, ("", ""))
        alone = place == len(template.variables) - 1 and place % 2 == 0
        gaps.append(
            Gap(
                name=name,
                label=gap_label(name),
                source=source if given is None or given.get(name) == value else "",
                value=value if given is None else given.get(name, ""),
                sample=variable["sample"],
                wide=alone,
                error=sentence(wrong[name]) if name in wrong else "",
            )
        )
    filled = {gap.name: gap for gap in gaps}
    return Preview(
        line=line(template, conversation, template),
        header=_pieces(template.header, filled),
        body=_pieces(template.body, filled),
        footer=_pieces(template.footer, filled),
        buttons=template.buttons,
        media=bool(template.media),
        gaps=gaps,
        first_wrong=next((gap.name for gap in gaps if gap.error), ""),
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
