"""A database file with every table in it, made once: migrating takes an installation ten seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
NAME = "db.sqlite3"
_made: list[Path] = []


def keep(folder: Path) -> None:
    """Write down the test's own database, if there is one, before anything but migrations has written into it."""
    if "django_migrations" not in connection.introspection.table_names():
        return
    path = folder / NAME
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    _made.append(path)


def place(folder: Path) -> None:
    """Where an installation with this DATA_DIR looks for its own. Needs the fixture ``django_db_setup``."""
    if _made:
        shutil.copy(_made[-1], folder / NAME)
        return
    own = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(folder), "DEBUG": "1"}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=own, check=True)
