from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.utils import timezone

import conversations.models.attachment


def fetch_what_came_before(apps: Any, schema_editor: Any) -> None:
    """Files of messages that came before files were fetched: Twilio keeps them until it is told otherwise."""
    attachments = apps.get_model("conversations", "Attachment").objects
    for attachment in attachments.all().iterator():
        attachment.file = conversations.models.attachment.unguessable()
        attachment.due_at = timezone.now() if attachment.source_url else None
        attachment.save(update_fields=["file", "due_at"])


class Migration(migrations.Migration):
    dependencies = [("conversations", "0006_message_failed_at")]

    operations = [
        migrations.AddField("attachment", "attempts", models.PositiveIntegerField(default=0, editable=False)),
        migrations.AddField(
            "attachment",
            "due_at",
            models.DateTimeField(blank=True, db_index=True, editable=False, null=True),
        ),
        migrations.AddField("attachment", "lease_number", models.PositiveIntegerField(default=0, editable=False)),
        migrations.AddField(
            "attachment", "leased_until", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.AddField(
            "attachment", "media_type", models.CharField(blank=True, default="", max_length=120)
        ),
        migrations.AddField("attachment", "name", models.CharField(blank=True, default="", max_length=120)),
        migrations.AddField("attachment", "reason", models.CharField(blank=True, default="", max_length=20)),
        migrations.AddField("attachment", "size", models.PositiveBigIntegerField(default=0)),
        migrations.AddField("attachment", "facts", models.JSONField(blank=True, default=dict)),
        migrations.AddField(
            "attachment",
            "state",
            models.CharField(
                choices=[("pending", "being fetched"), ("stored", "stored"), ("failed", "failed")],
                default="pending",
                max_length=10,
            ),
        ),
        # Every row needs a name of its own: first without, then filled, and only then with the default.
        migrations.AddField(
            "attachment",
            "file",
            models.FileField(default="", editable=False, max_length=200, upload_to=""),
        ),
        migrations.RunPython(fetch_what_came_before, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "attachment",
            "file",
            models.FileField(
                default=conversations.models.attachment.unguessable,
                editable=False,
                max_length=200,
                upload_to="",
            ),
        ),
    ]
