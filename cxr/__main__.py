"""Entry point of ``python -m cxr``; see `cxr.cli`."""

import sys

from cxr.cli import main

sys.exit(main())
