"""What a visit says about persons, sealed under a key per enterprise: who was met, and the note.

The registry's word that an enterprise's persons are erased destroys the key, here and in backups.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from services.visits.settings import VaultKeys
from shared.contracts.registry import PersonalDataErased
from shared.platform.database import Transaction
from shared.platform.vault import Keyring, Wrapped, open_box, seal


class Private(msgspec.Struct, frozen=True, array_like=True):
    """The words of a visit that may name persons."""

    interviewee: str | None = None
    note: str | None = None


NOTHING: Final = Private()
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Private).decode
# A twin may have been quicker: then its key holds.
_NEW_KEY: Final = """
insert into data_key (subject_id, kind, master, wrapped) values ($1, 'visit', $2, $3)
on conflict (subject_id) do update set subject_id = excluded.subject_id returning master, wrapped
"""


@cache
def keyring() -> Keyring:
    """The keys this process was started with."""
    keys = VaultKeys()  # pyright: ignore[reportCallIssue] - from the environment
    return Keyring.parse(keys.master_keys)


async def sealed(
    tx: Transaction, enterprise_id: UUID, visit_id: UUID, words: Private, stored: Wrapped | None
) -> bytes | None:
    """The box of a visit's words, under its enterprise's key; where none is stored, it is made."""
    if words == NOTHING:
        return None
    if stored is None:
        _, new = keyring().new_key(enterprise_id)
        driver = await tx.driver()
        row = await driver.fetchrow(_NEW_KEY, enterprise_id, *new)
        assert row is not None  # made or found
        stored = Wrapped(*row)
    key = keyring().unwrap(enterprise_id, stored)
    return seal(key, _ENCODE(words), bound_to=visit_id.bytes)


def opened(row: asyncpg.Record) -> Private:
    """The words in a visit's row joined with its key; nothing where they are erased."""
    if row["private_box"] is None or row["wrapped"] is None:
        return NOTHING
    key = keyring().unwrap(row["enterprise_id"], Wrapped(row["master"], row["wrapped"]))
    return _DECODE(open_box(key, row["private_box"], bound_to=row["visit_id"].bytes))


async def forget(events: Sequence[PersonalDataErased], tx: Transaction) -> None:
    """Destroy the keys of enterprises whose persons are erased, and what could be guessed back."""
    ids = [event.subject_id for event in events if event.kind == "enterprise"]
    driver = await tx.driver()
    await driver.execute("delete from data_key where subject_id = any($1::uuid[])", ids)
    await driver.execute(
        "update visit set private_box = null, content_hash = uuid_send(gen_random_uuid()),"
        " void_reason = case when void_reason is not null then '' end"
        " where enterprise_id = any($1::uuid[])",
        ids,
    )
