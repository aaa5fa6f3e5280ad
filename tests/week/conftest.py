from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What ``python -m tests.week`` prints, as docs/reliability.md has it."""
    for report in terminalreporter.stats.get("passed", []):
        for name, counts in report.user_properties:
            if name == "week":
                terminalreporter.write_line("")
                for what, count in sorted(counts.items()):
                    terminalreporter.write_line(f"{count:>8} {what}")
