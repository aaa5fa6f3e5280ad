"""Messages and notes are searched by their words. What is there already is filled in by thousands, each committed by
itself, so that nothing waits for the whole: stopped on the way, it goes on from where it was."""

from django.db import migrations, models, transaction

from conversations.models.base import searched

BATCH = 2000
INDEXES = {
    "message_words": ("conversations_message", "search_body"),
    "note_words": ("conversations_note", "search_body"),
    "contact_words": ("conversations_contact", "search_name"),
}


class AddOnce(migrations.AddField):
    """A column that an earlier attempt may have left."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            found = schema_editor.connection.introspection.get_table_description(cursor, table)
        if self.name not in {column.name for column in found}:
            super().database_forwards(app_label, schema_editor, from_state, to_state)


def fill(apps, schema_editor):
    for name in ("Message", "Note"):
        _fill(apps.get_model("conversations", name), schema_editor.connection)


def _fill(model, connection):
    table, last = connection.ops.quote_name(model._meta.db_table), 0
    rows = model.objects.using(connection.alias).order_by("pk").values_list("pk", "body")
    while batch := list(rows.filter(pk__gt=last, search_body=None)[:BATCH]):
        last = batch[-1][0]
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {table} SET search_body = %s WHERE id = %s AND search_body IS NULL",
                [(searched(body), pk) for pk, body in batch],
            )


def index(apps, schema_editor):
    """By words, on PostgreSQL; elsewhere a search looks through the newest ones (``searching.py``)."""
    if schema_editor.connection.vendor != "postgresql":
        return
    for name, (table, column) in INDEXES.items():
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {name} ON {table} USING gin (to_tsvector('simple', {column}))"
        )
        schema_editor.execute(f"ANALYZE {table}")


def no_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('conversations', '0012_merging'),
    ]

    operations = [
        AddOnce(
            model_name='message',
            name='search_body',
            field=models.TextField(editable=False, null=True),
        ),
        AddOnce(
            model_name='note',
            name='search_body',
            field=models.TextField(editable=False, null=True),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(index, no_index),
    ]
