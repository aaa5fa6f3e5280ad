from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0021_failing_since"),
    ]

    operations = [
        migrations.AddField(
            model_name="note",
            name="client_key",
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
        migrations.AddConstraint(
            model_name="note",
            constraint=models.UniqueConstraint(fields=("conversation", "client_key"), name="note_client_key"),
        ),
    ]
