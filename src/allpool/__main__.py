"""Entry point: environment, clock and streams come in here and nowhere else."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with the exit code that api.md promises."""
    from allpool.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
