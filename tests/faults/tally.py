"""How many cases each harness went through, for the summary at the end of a run."""

from __future__ import annotations

from collections import Counter

TALLY = Counter[str]()
