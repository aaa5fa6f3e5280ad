from __future__ import annotations

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations import uploads
from operators.views.work.moments import Moment

register = template.Library()


@register.simple_tag
def takes_webm() -> bool:
    """Whether a voice message recorded in this browser can be sent whatever it is wrapped in."""
    return uploads.can_rewrap()


@register.simple_tag
def timed(sentence: str, moment: Moment | None) -> str:
    """A sentence with its ``{time}``, which runs on in the browser."""
    if moment is None:
        return sentence
    return format_html(sentence, time=running(moment))


@register.simple_tag
def running(moment: Moment) -> SafeString:
    return format_html(
        '<time datetime="{}" data-{}>{}</time>', moment.at.isoformat(), moment.runs, moment.text
    )


@register.simple_tag
def icon(name: str, size: str = "", label: str = "") -> SafeString:
    """A symbol of the sprite; with ``label`` it is a picture that says something, else decoration."""
    if label:
        return format_html(
            '<svg class="i {}" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            size,
            label,
            static("icons.svg"),
            name,
        )
    return format_html(
        '<svg class="i {}" aria-hidden="true"><use href="{}#{}"/></svg>', size, static("icons.svg"), name
    )
