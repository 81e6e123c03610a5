"""`python -m cgraph` is the command `cgraph`."""

import sys

from cgraph.cli import main

sys.exit(main())
