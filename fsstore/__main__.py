"""``python -m fsstore`` is the command line; nothing else is here."""

import sys

from fsstore.cli import main

if __name__ == "__main__":
    sys.exit(main())
