"""`python -m benchmarks.program HIDDEN… -- ARGUMENTS`: usi.py with these arguments, without some libraries."""

from __future__ import annotations

import sys


def main() -> int:
    end = sys.argv.index("--")
    for name in sys.argv[1:end]:
        sys.modules[name] = None  # type: ignore[assignment]
    from usi import cli

    return cli.main(sys.argv[end + 1 :])


if __name__ == "__main__":
    sys.exit(main())
