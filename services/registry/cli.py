"""Operator commands of the vault: wrap keys anew, dump the keys apart, put them back."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import msgspec

from services.registry.settings import Settings
from services.registry.store.persons import keyring, keys_of, replace_keys, rewrap
from shared.platform.database import Database

BATCH = 2_000


class _Line(msgspec.Struct):
    """One data key as dumped: useless without the master key."""

    subject_id: UUID
    kind: str
    master: str
    wrapped: str


def rotate_keys(say: Callable[[str], None]) -> None:
    """Wrap every data key with the first master key; the others may then be taken away."""

    async def rotate(database: Database) -> int:
        done = 0
        while True:
            async with database.transaction() as tx:
                count = await rewrap(tx, BATCH)
                if count:
                    tx.audit("vault.rotated", keyring().current, after={"keys": count})
            done += count
            if not count:
                return done

    done = _with_database(rotate)
    say(f"已用主密钥 {keyring().current} 重新包装 {done} 个数据密钥 keys wrapped again")


def dump_keys(path: Path, say: Callable[[str], None]) -> None:
    """Write all wrapped data keys to a file: kept apart from the backups, and for a short time."""

    async def dump(database: Database) -> int:
        async with database.read() as tx:
            rows = await keys_of(tx)
        lines = [
            msgspec.json.encode(_Line(row[0], row[1], row[2], base64.b64encode(row[3]).decode()))
            for row in rows
        ]
        path.touch(mode=0o600)
        path.write_bytes(b"\n".join(lines) + b"\n")
        return len(lines)

    say(f"{path}: {_with_database(dump)} 个数据密钥 keys")


def load_keys(path: Path, say: Callable[[str], None]) -> None:
    """After a restore: put the dumped keys in the place of all keys that the backup brought."""

    async def load(database: Database) -> int:
        decode = msgspec.json.Decoder(_Line).decode
        lines = [decode(line) for line in path.read_bytes().splitlines() if line]
        rows = [(k.subject_id, k.kind, k.master, base64.b64decode(k.wrapped)) for k in lines]
        async with database.transaction() as tx:
            await replace_keys(tx, rows)
            tx.audit("vault.keys_loaded", "data_key", after={"keys": len(rows)})
        return len(rows)

    say(f"已恢复 {_with_database(load)} 个数据密钥 keys are back")


def _with_database(action: Callable[[Database], Awaitable[int]]) -> int:
    async def run() -> int:
        settings = Settings()  # pyright: ignore[reportCallIssue] - from the environment
        database = Database(settings.database_url, pool_size=2)
        try:
            return await action(database)
        finally:
            await database.close()

    return asyncio.run(run())
