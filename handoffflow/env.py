"""Strict reading of the environment: a value that is set wrongly is an error that names its variable.

django-environ reads ``.env`` and parses database URLs; its casts are forgiving (``DEBUG=ture`` is
False), and a forgiven typing error in production is a surprise at three in the morning.
"""

from __future__ import annotations

import os
import re
import zoneinfo
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from handoffflow import sqlite

_BOOLEANS = {
    "1": True, "true": True, "yes": True, "on": True,
    "0": False, "false": False, "no": False, "off": False,
}  # fmt: skip
_ENGINES = {"sqlite", "postgres", "postgresql", "mysql", "mariadb"}
_MAIL = {"smtp", "smtps", "smtp+tls", "smtp+ssl", "consolemail"}
_SETS_OR_SAYS = re.compile(r"#|(?:export )?[A-Za-z_0-9]+=")
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA mmap_size=134217728;"
    "PRAGMA cache_size=-16000;"
    "PRAGMA journal_size_limit=67108864;"
)


def read_file(path: Path) -> None:
    """Take what ``.env`` sets, where the environment does not say otherwise.

    A line that sets nothing is an error with its number; the line itself may hold a secret.
    """
    if not path.is_file():
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"{path} cannot be read: it has to be a text file in UTF-8.") from None
    for number, line in enumerate(lines, start=1):
        if line.strip() and not _SETS_OR_SAYS.match(line):
            raise ImproperlyConfigured(f"{path}, line {number}: NAME=value is expected, without blanks.")
    environ.Env.read_env(StringIO("\n".join(line for line in lines if line.strip())))


def text(name: str, default: str = "", *, pattern: str = "", example: str = "") -> str:
    """A value without blanks around it; empty counts as not set."""
    value = os.environ.get(name, "")
    if not value:
        return default
    if value != value.strip() or not value.isprintable():
        raise ImproperlyConfigured(f"{name} has blanks or control characters around or inside its value.")
    if pattern and not re.fullmatch(pattern, value):
        raise ImproperlyConfigured(f"{name} is malformed; it should look like {example}.")
    return value


def file(name: str, *, base: Path) -> str:
    """A file that is made when it is needed; its folder has to be there."""
    value = text(name)
    if not value:
        return ""
    path = base / value
    if path.is_dir() or not path.parent.is_dir():
        raise ImproperlyConfigured(f"{name} must name a file in a folder that exists.")
    return str(path)


def boolean(name: str, *, default: bool = False) -> bool:
    value = text(name)
    if not value:
        return default
    if value.lower() not in _BOOLEANS:
        raise ImproperlyConfigured(f"{name} must be 1 or 0 (true or false), and is neither.")
    return _BOOLEANS[value.lower()]


def port(name: str, default: int) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise ImproperlyConfigured(f"{name} must be a port number from 1 to 65535.")
    return int(value)


def count(name: str, default: int, *, most: int) -> int:
    value = text(name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 12 or int(value) > most:
        raise ImproperlyConfigured(f"{name} must be a whole number from 0 to {most}.")
    return int(value)


def listing(name: str) -> list[str]:
    return [item.strip() for item in text(name).split(",") if item.strip()]


def choice(name: str, default: str, *, among: list[str]) -> str:
    value = text(name, default)
    if value not in among:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(among)}.")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ImproperlyConfigured(f"{name} is no time zone; it should look like {default}.") from None
    return value


def origin(name: str, default: str = "") -> str:
    """An address such as ``https://desk.example.com``: scheme, host, perhaps a port, nothing more."""
    value = text(name, default).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or value != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc or " " in value:
        raise ImproperlyConfigured(f"{name} must be http(s)://host[:port] without a path or credentials.")
    return value


def address(name: str, *, internal: frozenset[str]) -> str:
    """Something that is called: https, or http at a host of the own network that ``internal`` names, with or without
    the port."""
    value = text(name).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or " " in value or parts.fragment:
        raise ImproperlyConfigured(f"{name} must be a web address without credentials.")
    at_port = parts.netloc.lower() if parts.port else f"{parts.netloc.lower()}:80"
    if parts.scheme == "http" and not {parts.hostname, at_port} & internal:
        raise ImproperlyConfigured(f"{name} is not https: name its host in INTERNAL_HOSTS if it is your own.")
    return value


def storage(name: str) -> dict[str, Any]:
    """Where files lie: a folder (empty), or a bucket such as ``s3://files?endpoint=https://s3.example.com&region=…``.

    The keys come from where the library of S3 looks for them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role
    of the machine. The bucket stays private: files are served by the product, behind its login.
    """
    url = text(name)
    if not url:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    parts = urlsplit(url)
    given = dict(parse_qsl(parts.query))
    if parts.scheme != "s3" or not parts.netloc or set(given) - {"endpoint", "region"}:
        raise ImproperlyConfigured(f"{name} must look like s3://bucket?endpoint=https://host&region=name.")
    if not all(map(find_spec, ("storages", "boto3"))):
        raise ImproperlyConfigured(f"{name} asks for S3: install django-storages[s3].")
    options = {
        "bucket_name": parts.netloc,
        "location": parts.path.strip("/"),
        "endpoint_url": given.get("endpoint"),
        "region_name": given.get("region"),
        "default_acl": None,
        "file_overwrite": True,
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def mail(name: str) -> dict[str, Any]:
    """How letters leave: ``smtp+tls://user:password@mail.example.com:587``. Empty: none do."""
    url = text(name)
    if not url:
        return {}
    scheme = url.partition("://")[0]
    try:
        config = dict(environ.Env.email_url_config(url)) if scheme in _MAIL else {}
    except (ValueError, KeyError, TypeError):
        config = {}
    if not config or (scheme != "consolemail" and not config.get("EMAIL_HOST")):
        raise ImproperlyConfigured(f"{name} must look like smtp+tls://user:password@mail.example.com:587.")
    return config


def database(name: str, *, base: Path, default: Path) -> dict[str, Any]:
    url = text(name)
    scheme = url.partition("://")[0] if url else "sqlite"
    if scheme not in _ENGINES or (url and "://" not in url):
        raise ImproperlyConfigured(f"{name} must begin with sqlite:///, postgres:// or mysql://.")
    if not url:
        return _sqlite({"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)}, base)
    try:
        config = dict(environ.Env.db_url_config(url.replace("mariadb://", "mysql://", 1)))
    except (ValueError, KeyError, TypeError) as error:
        raise ImproperlyConfigured(f"{name} cannot be read as a database address.") from error
    if not config.get("NAME") or config["NAME"] == ":memory:":
        raise ImproperlyConfigured(f"{name} names no database (a database in memory cannot be shared).")
    if scheme == "sqlite":
        return _sqlite(config, base)
    return _postgres(config) if scheme.startswith("postgres") else _mariadb(config)


def _sqlite(config: dict[str, Any], base: Path) -> dict[str, Any]:
    path = (base / config["NAME"]).resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return config | {
        "NAME": str(path),
        # The threads that write live as long as the process, and so may their connections.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": _SQLITE_PRAGMAS,
            "factory": sqlite.Connection,
            # Short on purpose: the connection asks again itself (handoffflow/sqlite.py).
            "timeout": sqlite.BUSY_SECONDS,
        },
        "TEST": {"NAME": str(path.with_name(f"test_{path.name}"))},
    }


def _postgres(config: dict[str, Any]) -> dict[str, Any]:
    return config | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _mariadb(config: dict[str, Any]) -> dict[str, Any]:
    _find_driver()
    options = dict(config.get("OPTIONS", {}))
    # MariaDB's default collation holds "BR.AbC", "BR.aBc" and "BR.AbC " to be one key: one person
    # would read another's thread. MySQL 8 has no nopad_bin: ?collation=utf8mb4_0900_bin there.
    collation = options.pop("collation", "utf8mb4_nopad_bin")
    if not re.fullmatch(r"utf8mb4_\w+", collation):
        raise ImproperlyConfigured("DATABASE_URL asks for a collation that is not one of utf8mb4's.")
    options |= {
        "charset": "utf8mb4",
        "isolation_level": "read committed",
        # Now() is the server's local time there while Django stores UTC.
        "init_command": (
            f"SET sql_mode='STRICT_TRANS_TABLES', time_zone='+00:00', collation_connection='{collation}'"
        ),
    }
    return config | {
        "ENGINE": "django.db.backends.mysql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": collation},
    }


def _find_driver() -> None:
    """mysqlclient where it is installed (it needs a compiler), else PyMySQL in its place."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        try:
            import pymysql
        except ImportError:
            raise ImproperlyConfigured(
                "DATABASE_URL asks for MariaDB: install mysqlclient or PyMySQL."
            ) from None
        pymysql.install_as_MySQLdb()
