#!/usr/bin/env python
from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "handoffflow.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    # Whoever set a value wrongly, or forgot to start a database, is helped by a sentence, not by a traceback.
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Wrong setting: {error}")
    except OperationalError as error:
        sys.exit(f"The database of DATABASE_URL does not answer as it should: {error}")


if __name__ == "__main__":
    main()
