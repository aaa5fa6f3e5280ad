"""What supervisors set up for the details of a contact: tags, attributes, links."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from conversations.admin import base, scope
from operators.models import AttributeDefinition, ContactLink, Tag, Tagging

LISTED = 200


@admin.register(Tag)
class TagAdmin(base.Scoped):
    ordering = ("name",)
    list_display = ("shown", "active", "conversations")
    list_filter = ("active",)
    search_fields = ("name",)
    fields = ("name", "hue", "active")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(given=Count("taggings"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is taken off the conversations that have it. To keep it there, it is made inactive."""
        return self.may(request, "delete")

    @admin.display(description=gettext_lazy("tag"), ordering="name")
    def shown(self, tag: Tag) -> str:
        return format_html('<span class="chip tag hue-{}">{}</span>', tag.hue, tag.name)

    @admin.display(description=gettext_lazy("conversations"))
    def conversations(self, tag: Any) -> str:
        return str(tag.given)


@admin.register(AttributeDefinition)
class AttributeDefinitionAdmin(base.Scoped):
    ordering = ("order", "name")
    list_display = ("name", "key", "kind", "required", "order", "active")
    list_editable = ("order", "active")
    search_fields = ("key", "name")
    fields = ("key", "name", "kind", "choices", "pattern", "required", "order", "active")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Contacts keep their values under the key: another key would be another attribute."""
        return ("key",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The values stay where they are, to be read and no longer to be edited."""
        return self.may(request, "delete")


@admin.register(ContactLink)
class ContactLinkAdmin(base.Scoped):
    ordering = ("order", "label")
    list_display = ("label", "url", "order", "active")
    list_editable = ("order", "active")
    fields = ("label", "url", "order", "active")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete")


class TagFilter(admin.SimpleListFilter):
    """Conversations that have a tag; those of the supervisor's own company are offered."""

    title = gettext_lazy("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ours = scope.within(Tag.objects.all(), request).order_by("name")[:LISTED]
        return [(str(tag.public_id), tag.name) for tag in ours]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not (wanted := self.value()) or wanted not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(pk__in=Tagging.objects.filter(tag__public_id=wanted).values("conversation"))
