"""The settings that every process of a run shares, and a free port."""

from __future__ import annotations

import os
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SID = "AC00000000000000000000000000000001"
TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "whatsapp:+551150280000"
HOST = "127.0.0.1"


def settings(folder: Path, database: str, *, port: int, twilio: str) -> dict[str, str]:
    """As a real installation has them: DEBUG off, no simulator; the address is this machine's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DJANGO_SETTINGS_MODULE": "handoffflow.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "DATABASE_URL": database,
        "DEBUG": "0",
        "PORT": str(port),
        "APP_URL": f"http://localhost:{port}",
        "ALLOWED_HOSTS": "localhost",
        "SECRET_KEY": "a key of the benchmark: 0123456789 abcdefghijklmnopqrstuvwxyz",
        "TWILIO_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_WHATSAPP_NUMBER": NUMBER,
        "TWILIO_API_URL": twilio,
        "LOG_LEVEL": "ERROR",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
