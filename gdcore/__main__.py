"""`python -m gdcore` is the same as `gdcore`."""

import sys

from gdcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
