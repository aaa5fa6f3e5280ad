"""What a test that commits leaves behind, taken away again.

Django's own way empties every table and then makes each permission anew, a quarter of a second on a server database.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, transaction

KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
"""What migrations have put there; no test that commits changes it."""


def clean(_case: Any = None) -> None:
    filled = _filled()
    if not filled:
        return
    # PostgreSQL looks at constraints when the transaction ends, so that there the order does not matter either.
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for table in filled:
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608


def _filled() -> list[str]:
    """The tables with something in them, by one question."""
    parts = (
        f"SELECT * FROM (SELECT '{table}' AS name FROM {connection.ops.quote_name(table)} LIMIT 1) AS t{number}"  # noqa: S608
        for number, table in enumerate(_tables())
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return [name for (name,) in cursor.fetchall()]


def _tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed} - KEPT)
