"""``python -m aurora_dash`` is the same as ``aurora-dash``."""

import sys

from aurora_dash.cli import main

if __name__ == "__main__":
    sys.exit(main())
