"""The command behind `make demo`.

``PORT``, ``REDIS_URL`` and ``DATABASE_URL`` in the environment choose where the page is served and what it uses.
"""

from __future__ import annotations

import argparse
import os
import sys

from .launcher import DemoError, Options, run_demo


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sample_app.demo", description=__doc__)
    parser.add_argument(
        "--end-with-parent", action="store_true", help="end when the process ends that started this one"
    )
    arguments = parser.parse_args()
    try:
        run_demo(Options.from_environment(os.environ, end_with_parent=arguments.end_with_parent))
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # It came before anything was started that would have to be told.
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
