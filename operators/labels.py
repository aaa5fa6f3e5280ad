"""What supervisors set up for the details of a contact: tags, attributes, links to other systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from conversations.models import Conversation, Organization
from conversations.models.base import Public
from operators import attributes, links


class Hue(models.IntegerChoices):
    """The fixed colours, named; ``hue-<n>`` in the style sheet."""

    GREEN = 4, _("green")
    TEAL = 5, _("teal")
    BLUE = 6, _("blue")
    VIOLET = 9, _("violet")
    PINK = 10, _("pink")
    RED = 11, _("red")
    ORANGE = 0, _("orange")
    YELLOW = 1, _("yellow")


class Tag(Public):
    """What a conversation is about, or whose it is, in one word of the team's."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="tags")
    name = models.CharField(_("name"), max_length=30)
    hue = models.PositiveSmallIntegerField(_("colour"), choices=Hue.choices, default=Hue.GREEN)
    active = models.BooleanField(
        _("active"), default=True, help_text=_("One that is not is shown where it is, and offered no more.")
    )

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        constraints = [models.UniqueConstraint(fields=["organization", "name"], name="tag_name")]

    def __str__(self) -> str:
        return self.name


class Tagging(models.Model):
    """That a conversation has a tag. Two who give it the same one at once: one of them is first."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="taggings")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="taggings")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    if TYPE_CHECKING:
        conversation_id: int

    class Meta:
        verbose_name = _("tagging")
        verbose_name_plural = _("taggings")
        constraints = [models.UniqueConstraint(fields=["conversation", "tag"], name="tagging_once")]

    def __str__(self) -> str:
        return f"tagging #{self.pk}"


class AttributeDefinition(Public):
    """An attribute that operators may correct: its name in the contact, how it reads, and what may be in it."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="attribute_definitions")
    key = models.CharField(
        _("key"),
        max_length=60,
        help_text=_("As the bot and the API call it, for example cpf. It cannot be changed later."),
    )
    name = models.CharField(_("name"), max_length=60, help_text=_("As operators read it."))
    kind = models.CharField(
        _("kind"), max_length=10, choices=attributes.Kind.choices, default=attributes.Kind.TEXT
    )
    choices = models.TextField(_("choices"), blank=True, default="", help_text=_("Of a list, one a line."))
    pattern = models.CharField(
        _("pattern"),
        max_length=120,
        blank=True,
        default="",
        help_text=_(
            "Of a text: 9 is a digit, A a letter, X either, | stands between two patterns. "
            "For example 999.999.999-99."
        ),
    )
    required = models.BooleanField(
        _("required"), default=False, help_text=_("It may be changed, but not emptied.")
    )
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        constraints = [models.UniqueConstraint(fields=["organization", "key"], name="attribute_key")]

    def __str__(self) -> str:
        return self.key

    def options(self) -> list[str]:
        return [text for one in self.choices.splitlines() if (text := one.strip())]

    def parse(self, typed: str) -> Any:
        value = attributes.parse(self.kind, typed, choices=self.options(), pattern=self.pattern)
        if value is None and self.required:
            raise attributes.Wrong(_now("This cannot be left empty."))
        return value

    def typed(self, value: Any) -> str:
        return attributes.typed(self.kind, value)

    def shown(self, value: Any) -> str:
        return attributes.shown(self.kind, value)

    def clean(self) -> None:
        self.key = self.key.strip()
        if not self.key or any(char in "{}" or not char.isprintable() for char in self.key):
            raise ValidationError({"key": _("Letters, digits and signs other than braces.")})
        if self.kind == attributes.Kind.LIST and not self.options():
            raise ValidationError({"choices": _("A list needs at least one choice.")})
        if any(len(one) > attributes.LONGEST for one in self.options()):
            raise ValidationError({"choices": _("A choice is too long.")})
        if self.pattern and self.kind != attributes.Kind.TEXT:
            raise ValidationError({"pattern": _("Only a text has a pattern.")})


class ContactLink(Public):
    """A link to another system, beside the contact; none where a value it needs is missing."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="contact_links")
    label = models.CharField(_("label"), max_length=60)
    url = models.CharField(
        _("address"),
        max_length=500,
        help_text=_(
            "https://… with {phone} (digits), {conversation} (its id) and {attribute.key}, each encoded."
        ),
    )
    order = models.PositiveSmallIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("link to another system")
        verbose_name_plural = _("links to other systems")

    def __str__(self) -> str:
        return self.label

    def clean(self) -> None:
        self.url = self.url.strip()
        try:
            links.check(self.url)
        except links.Unusable as error:
            raise ValidationError({"url": str(error)}) from error


def is_set_up() -> models.Q:
    """A condition on conversations: their company has attributes or links in use."""
    company = models.OuterRef("sender__organization")
    shown = AttributeDefinition.objects.filter(organization=company, active=True)
    linked = ContactLink.objects.filter(organization=company, active=True)
    return models.Q(models.Exists(shown)) | models.Q(models.Exists(linked))


def setup_of(organization: int) -> tuple[list[AttributeDefinition], list[ContactLink]]:
    """The attributes and the links of a company that are in use, in one statement for every panel that is drawn."""
    shown: Any = AttributeDefinition.objects.filter(organization=organization, active=True)
    linked: Any = ContactLink.objects.filter(organization=organization, active=True)
    rows = shown.values_list("pk", "order", "name", *_OF_ATTRIBUTE).union(
        linked.values_list("pk", "order", "label", *_OF_LINK), all=True
    )
    definitions, links_shown = [], []
    for pk, order, name, public_id, key, kind, choices, pattern, required in sorted(rows, key=_in_order):
        if kind:
            definitions.append(
                AttributeDefinition(
                    pk=pk,
                    order=order,
                    name=name,
                    public_id=public_id,
                    key=key,
                    kind=kind,
                    choices=choices,
                    pattern=pattern,
                    required=required,
                )
            )
        else:
            links_shown.append(ContactLink(pk=pk, order=order, label=name, public_id=public_id, url=choices))
    return definitions, links_shown


_OF_ATTRIBUTE = ("public_id", "key", "kind", "choices", "pattern", "required")
_EMPTY, _NO = models.Value("", models.CharField()), models.Value(False, models.BooleanField())
_OF_LINK = ("public_id", _EMPTY, _EMPTY, "url", _EMPTY, _NO)


def _in_order(row: tuple[Any, ...]) -> tuple[int, str, int]:
    return row[1], row[2], row[0]
