"""A floor in a growing table: what lies below is done with and need not be looked through again.

Proof: a writer has a transaction id, at the latest, a moment after it drew a row's id. So all
writers of ids up to `_last` have transaction ids below `_xmax`, one drawn a probe after it. Once
the oldest running transaction is not below `_xmax` they have all ended, and a later pass that finds
less than it asked for has had all of theirs. A new one begins at 0.
"""

from typing import Final

import asyncpg

PROBE_SECONDS: Final = 1.0
"""How often a pass looks for a higher floor."""


class Floor:
    """An id below which nothing will ever be left to do; `ids` names the table's sequence."""

    def __init__(self, ids: str) -> None:
        self.id: int = 0
        self._ids = ids
        self._last: int = 0
        self._xmax: int = 0
        self._ended = False

    async def before_pass(self, connection: asyncpg.Connection) -> None:
        """Look whether the writers of the last probe have ended."""
        if self._xmax:
            oldest = await _number(connection, "pg_snapshot_xmin(pg_current_snapshot())")
            self._ended = oldest >= self._xmax

    async def after_drained(self, connection: asyncpg.Connection) -> None:
        """A pass left nothing: raise the floor where that is proven, and probe on."""
        if self._ended:
            self.id, self._xmax, self._ended = self._last, 0, False
        if self._last <= self.id:
            last = f"coalesce(pg_sequence_last_value('{self._ids}'::regclass), 0)"
            self._last = await _number(connection, last)
        elif not self._xmax:
            # Not a snapshot's xmax: that is one above the newest *ended* transaction, so the newest
            # of all, still running, is not below it and would pass for ended.
            self._xmax = await _number(connection, "pg_current_xact_id()")


async def _number(connection: asyncpg.Connection, expression: str) -> int:
    return int(str(await connection.fetchval(f"select {expression}::text")))
