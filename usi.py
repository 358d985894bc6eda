import sys

from usi.cli import main

if __name__ == "__main__":
    sys.exit(main())
