"""The Trino versions whose optimizer keeps the barrier: there the barrier suite found no leak.

A version joins this list when `make barrier` has run against it without one; a newer optimizer
may move a raising expression of a query below its row filter.
"""

from __future__ import annotations

from typing import Final

PROVEN: Final = frozenset({"476"})
