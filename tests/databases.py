"""``make test``: everything on SQLite, then the engine once on each database of TEST_DATABASE_URLS.

With TEST_SHARED=1 all of them divide the engine's tests among themselves, but for races and faults, which each runs;
and the contract of the API is left to whoever asks for it by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NO_TESTS = 5
WITHOUT_CONTRACT = "--ignore=tests/api/test_contract.py"
"""It needs one database, and is long to collect."""
ENGINE = ("-m", "engine", WITHOUT_CONTRACT)
"""What runs on every database."""


def main(arguments: list[str]) -> int:
    folders = [argument for argument in arguments if not argument.startswith("-")]
    if missing := [folder for folder in folders if not Path(folder).exists()]:
        sys.stderr.write(f"There are no tests in {', '.join(missing)}.\n")
        return 1
    shared = os.environ.get("TEST_SHARED") == "1"
    urls = os.environ.get("TEST_DATABASE_URLS", "").replace(",", " ").split()
    shares = [f"{number}/{len(urls) + 1}" if shared else "" for number in range(len(urls) + 1)]
    status = _run("SQLite", None, [WITHOUT_CONTRACT, *arguments] if shared else arguments, shares[0])
    for url, share in zip(urls, shares[1:], strict=True):
        status = status or _run(url.partition("://")[0], url, [*ENGINE, *arguments], share)
    return status


def _run(name: str, url: str | None, arguments: list[str], share: str = "") -> int:
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    environment["TEST_SHARE"] = share
    if url:
        environment["DATABASE_URL"] = url
    sys.stderr.write(f"\n== {name}\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        os.environ.get("TEST_PROCESSES", "3"),
        "--dist",
        "loadgroup",
        *arguments,
    ]
    status = subprocess.run(command, env=environment, check=False).returncode
    return 0 if status == NO_TESTS and url else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
