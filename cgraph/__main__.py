"""`python -m cgraph` is the command `cgraph`."""

import sys

from _cgraph_cli import main

sys.exit(main())
