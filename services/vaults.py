"""Operator commands of the vaults: wrap keys anew, dump the keys apart, put them back."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from services.registry.settings import Settings as RegistrySettings
from services.registry.store import persons
from services.visits.settings import Settings as VisitsSettings
from services.visits.store import privacy
from shared.platform.database import Database
from shared.platform.settings import ServiceSettings
from shared.platform.vault import Keyring
from shared.platform.vault_keys import StoredKey, keys_of, replace_keys, rewrap

Say = Callable[[str], None]
ResultT = TypeVar("ResultT")
BATCH: Final = 2_000
#: The services that keep personal data, with their settings and key rings.
VAULTS: Final[dict[str, tuple[type[ServiceSettings], Callable[[], Keyring]]]] = {
    "registry": (RegistrySettings, persons.keyring),
    "visits": (VisitsSettings, privacy.keyring),
}


class _Line(msgspec.Struct):
    """One data key as dumped: useless without the master key."""

    service: str
    subject_id: UUID
    kind: str
    master: str
    wrapped: str


def rotate_keys(say: Say) -> None:
    """Wrap every data key with the first master key; the others may then be taken away."""
    for service, (_, ring) in VAULTS.items():
        done = _with_database(service, partial(_rotate, ring()))
        say(f"{service}: 已用主密钥 {ring().current} 重新包装 {done} 个数据密钥 wrapped again")


async def _rotate(ring: Keyring, database: Database) -> int:
    done, count = 0, BATCH
    while count:
        async with database.transaction() as tx:
            count = await rewrap(tx, ring, BATCH)
            if count:
                tx.audit("vault.rotated", ring.current, after={"keys": count})
        done += count
    return done


def dump_keys(path: Path, say: Say) -> None:
    """Write all wrapped data keys to a file: kept apart from the backups, and for a short time."""
    lines = [
        msgspec.json.encode(_Line(service, *key[:3], base64.b64encode(key[3]).decode()))
        for service in VAULTS
        for key in _with_database(service, _read)
    ]
    path.touch(mode=0o600)
    path.write_bytes(b"\n".join(lines) + b"\n")
    say(f"{path}: {len(lines)} 个数据密钥 keys")


async def _read(database: Database) -> list[StoredKey]:
    async with database.read() as tx:
        return await keys_of(tx)


def load_keys(path: Path, say: Say) -> None:
    """After a restore: put the dumped keys in the place of all keys that the backup brought."""
    decode = msgspec.json.Decoder(_Line).decode
    lines = [decode(line) for line in path.read_bytes().splitlines() if line]
    for service in VAULTS:
        rows = [
            (line.subject_id, line.kind, line.master, base64.b64decode(line.wrapped))
            for line in lines
            if line.service == service
        ]
        _with_database(service, partial(_load, rows))
        say(f"{service}: 已恢复 {len(rows)} 个数据密钥 keys are back")


async def _load(rows: list[StoredKey], database: Database) -> None:
    async with database.transaction() as tx:
        await replace_keys(tx, rows)
        tx.audit("vault.keys_loaded", "data_key", after={"keys": len(rows)})


def _with_database(service: str, action: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    async def run() -> ResultT:
        settings = VAULTS[service][0]()  # pyright: ignore[reportCallIssue] - from the environment
        database = Database(settings.database_url, pool_size=2)
        try:
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(run())
