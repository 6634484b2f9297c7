"""Django's command line for this project: ``python -m sample_app.manage``."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run a command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sample_app.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
