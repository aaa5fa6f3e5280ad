"""What the machine says of itself and of a process: processor time, memory, load."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from bench import environment

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, and of children that have ended."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / _TICK


def tree_cpu_seconds(pid: int) -> float:
    return sum(cpu_seconds(one) for one in (pid, *children(pid)))


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int(_stat(int(entry.name))[1]) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended meanwhile
    return found


def pss_mb(pid: int) -> float:
    """Memory that is its own, and its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss")


def load() -> float:
    return os.getloadavg()[0]


def described() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{os.cpu_count()} cores of {model or platform.machine()}, Linux, CPython {platform.python_version()}"
    )


def commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(asked, cwd=environment.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or os.environ.get("COMMIT", "unknown")


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which may hold anything: the first is the state, the second the parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
