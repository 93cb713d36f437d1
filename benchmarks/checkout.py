"""Importing this lets a benchmark run from a bare checkout: the package need not be installed."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
