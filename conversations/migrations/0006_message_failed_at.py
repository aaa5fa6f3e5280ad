from django.db import migrations, models


def since_it_was_said(apps, schema_editor):
    messages = apps.get_model("conversations", "Message").objects
    messages.filter(status="failed").update(failed_at=models.F("occurred_at"))


class Migration(migrations.Migration):

    dependencies = [
        ("conversations", "0005_search"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="failed_at",
            field=models.DateTimeField(blank=True, db_index=True, editable=False, null=True),
        ),
        migrations.RunPython(since_it_was_said, migrations.RunPython.noop),
    ]
