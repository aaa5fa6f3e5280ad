"""Secrets that the product makes for itself and keeps in its data folder."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import TypedDict, cast

from django.core.exceptions import ImproperlyConfigured


class Kept(TypedDict):
    secret_key: str
    simulator_sid: str
    simulator_token: str


def kept(folder: Path, *, make: bool) -> Kept | None:
    """The secrets in ``folder``; made there when missing and ``make`` is true, else None."""
    path = folder / "secrets.json"
    if not path.exists():
        if not make:
            return None
        _create(path)
    try:
        stored = json.loads(path.read_text())
        if all(isinstance(stored[name], str) and stored[name] for name in Kept.__annotations__):
            return cast(Kept, stored)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImproperlyConfigured("secrets.json in DATA_DIR cannot be read.") from error
    raise ImproperlyConfigured("secrets.json in DATA_DIR is incomplete.")


def _create(path: Path) -> None:
    """Write it whole or not at all; of two processes that start together the first one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Kept(
        secret_key=secrets.token_urlsafe(64),
        simulator_sid=f"AC{secrets.token_hex(16)}",
        simulator_token=secrets.token_hex(16),
    )
    # mkstemp makes the file with mode 0600.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix="secrets-")
    with os.fdopen(handle, "w") as file:
        json.dump(made, file, indent=2)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)
