"""The table of data keys: wrapped anew, dumped apart from the data, and put back."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shared.platform.bulk import insert_rows
from shared.platform.database import Transaction
from shared.platform.vault import Keyring, Wrapped

DATA_KEY_UP: Final = """
create table data_key (subject_id uuid primary key, kind text not null, master text not null,
    wrapped bytea not null, made_at timestamptz not null default now());
"""
"""Apart from what the keys open, so that it is dumped apart (decision 0035)."""

StoredKey = tuple[UUID, str, str, bytes]


async def rewrap(tx: Transaction, ring: Keyring, limit: int) -> int:
    """Wrap up to `limit` data keys with the ring's first master key; how many there were to wrap.

    Raises: VaultClosed.
    """
    driver = await tx.driver()
    rows = await driver.fetch(
        "select subject_id, master, wrapped from data_key where master <> $1 order by subject_id"
        " limit $2 for update skip locked",
        ring.current,
        limit,
    )
    new = [
        (row[0], ring.wrap(row[0], ring.unwrap(row[0], Wrapped(row[1], row[2])))) for row in rows
    ]
    await driver.execute(
        "update data_key as k set master = $1, wrapped = n.wrapped from"
        " unnest($2::uuid[], $3::bytea[]) as n(subject_id, wrapped)"
        " where k.subject_id = n.subject_id",
        ring.current,
        [subject_id for subject_id, _ in new],
        [wrapped.wrapped for _, wrapped in new],
    )
    return len(new)


async def keys_of(tx: Transaction) -> list[StoredKey]:
    """All data keys, wrapped."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select subject_id, kind, master, wrapped from data_key order by subject_id"
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def replace_keys(tx: Transaction, rows: Sequence[StoredKey]) -> None:
    """Put these keys in the place of all there are: what has no key now is forgotten."""
    driver = await tx.driver()
    await driver.execute("delete from data_key")
    await insert_rows(driver, "data_key", ("subject_id", "kind", "master", "wrapped"), rows)
