"""Points are inert unless a test armed them, and a misspelt one is noticed at start."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conversations import failpoints
from tests.conftest import ROOT

PRODUCT = ("conversations", "operators", "handoffflow")


def run(text: str, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"from conversations import failpoints\n{code}"]
    return subprocess.run(
        command, cwd=ROOT, env={"FAILPOINTS": text}, capture_output=True, text=True, check=False
    )


def reached_in(path: Path) -> list[str]:
    return re.findall(r'failpoints\.reached\("([\w.]+)"\)', path.read_text())


class TestAPoint:
    def test_does_nothing_by_itself(self) -> None:
        assert failpoints.reached is failpoints._off

    def test_kills_the_process_where_it_is_armed(self) -> None:
        died = run("bot.asking:kill", 'failpoints.reached("bot.asking")')

        assert died.returncode == -9

    def test_leaves_other_points_alone(self) -> None:
        went_on = run("bot.asking:kill", 'failpoints.reached("bot.answered"); print("on")')

        assert went_on.stdout == "on\n"

    def test_raises_where_it_is_told_to(self) -> None:
        with pytest.raises(failpoints.Injected):
            failpoints.armed("bot.asking:raise")["bot.asking"]()

    def test_holds_the_first_who_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []
        monkeypatch.setattr(time, "sleep", slept.append)
        pause = failpoints.armed("bot.asking:sleep:0.5")["bot.asking"]

        pause()
        pause()

        assert slept == [0.5]

    def test_may_be_one_of_several(self) -> None:
        assert set(failpoints.armed("bot.asking:sleep:0.5, bot.answered:kill")) == {
            "bot.asking",
            "bot.answered",
        }

    @pytest.mark.parametrize("text", ["bot.askign:kill", "bot.asking", "bot.asking:die", "bot.asking:sleep:"])
    def test_refuses_to_start_when_misspelt(self, text: str) -> None:
        refused = run(text, 'print("started")')

        assert refused.returncode == 1
        assert "FAILPOINTS" in refused.stderr

    def test_stands_in_the_product_exactly_once(self) -> None:
        files = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
        standing = [name for path in files for name in reached_in(path)]

        assert sorted(standing) == sorted(failpoints.POINTS)
