"""Secrets that the product makes for itself and keeps in its data folder."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import TypedDict, cast

from cryptography.hazmat.primitives.asymmetric import ec
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


def push_key(folder: Path, *, make: bool) -> str:
    """The private key that push services know this installation by, or "". It lasts: whatever browsers have allowed
    is bound to it."""
    path = folder / "push.key"
    if not path.exists():
        if not make:
            return ""
        number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        _write(path, base64.urlsafe_b64encode(number.to_bytes(32, "big")).decode().rstrip("="))
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured("push.key in DATA_DIR cannot be read.") from error


def _create(path: Path) -> None:
    made = Kept(
        secret_key=secrets.token_urlsafe(64),
        simulator_sid=f"AC{secrets.token_hex(16)}",
        simulator_token=secrets.token_hex(16),
    )
    _write(path, json.dumps(made, indent=2))


def _write(path: Path, text: str) -> None:
    """Whole or not at all; of two processes that start together the first one wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes the file with mode 0600.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix="secrets-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)
