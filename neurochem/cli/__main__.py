"""`python -m neurochem.cli` is the same as `neurochem`."""

import sys

from neurochem.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
