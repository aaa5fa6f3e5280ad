from django.db import migrations, models

from conversations.models.contact import searched


def fill(apps, schema_editor):
    contacts = apps.get_model("conversations", "Contact").objects.using(schema_editor.connection.alias)
    batch = []
    for contact in contacts.exclude(name="").only("name").iterator(chunk_size=1000):
        for column, value in searched(contact.name).items():
            setattr(contact, column, value)
        batch.append(contact)
        if len(batch) == 500:
            contacts.bulk_update(batch, ["search_name", "search_surname"])
            batch = []
    contacts.bulk_update(batch, ["search_name", "search_surname"])


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0004_queues_and_deadlines'),
    ]

    operations = [
        migrations.AddField(
            model_name='contact',
            name='search_name',
            field=models.CharField(blank=True, default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='contact',
            name='search_surname',
            field=models.CharField(blank=True, default='', editable=False, max_length=255),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['organization', 'search_name'], name='contact_search_name', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(fields=['organization', 'search_surname'], name='contact_search_surname', opclasses=['int8_ops', 'varchar_pattern_ops']),
        ),
        migrations.AddIndex(
            model_name='conversation',
            index=models.Index(fields=['-last_message_at'], name='conversation_newest'),
        ),
    ]
