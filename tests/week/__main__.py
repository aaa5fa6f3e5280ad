"""``python -m tests.week [seed]``: 5,000 conversations and 12 operators; ``TEST_DATABASE_URLS`` is not asked."""

from __future__ import annotations

import os
import subprocess
import sys


def main() -> int:
    os.environ["WEEK"] = "full"
    if len(sys.argv) > 1:
        os.environ["WEEK_SEED"] = sys.argv[1]
    return subprocess.call([sys.executable, "-m", "pytest", "tests/week", "-n", "0", "-q"])


if __name__ == "__main__":
    sys.exit(main())
