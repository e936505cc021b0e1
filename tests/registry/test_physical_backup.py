"""S22: a physical backup holds the wrapped keys as well; what forgets there is the master key.

Who rotates the master key after an erasure and throws the old one away leaves, in every older copy
of the server's files and its write-ahead log, wrapped keys that nothing unwraps any more. The keys
of everyone else come back from the newest dump of the keys (`yinqi vault`).
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.registry.store import persons
from services.vaults import dump_keys, load_keys, rotate_keys
from services.visits.store import privacy
from shared.platform.embedded.pgbinaries import find_binaries
from shared.platform.embedded.postgres import Postgres
from shared.platform.vault import VaultClosed, fresh_key
from tests.registry.test_erasure import enterprise, erased, plain_text, readable, regulator
from tests.registry.test_vault import NAME, PHONE, reveal
from tests.support.stack import Caller, Stack

__all__ = ["regulator"]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings of the master keys; read anew when they change, and at the end."""
    yield monkeypatch
    monkeypatch.undo()
    forget_rings()


def forget_rings() -> None:
    """As a process that starts anew reads its keys."""
    persons.keyring.cache_clear()
    privacy.keyring.cache_clear()


def base_backup(source: Postgres, home: Path) -> Postgres:
    """A physical copy of a server with the write-ahead log it needs, as a server of its own."""
    home.mkdir()
    copy = Postgres(home, settings={"fsync": "off"})
    data = home / "data"
    program = str(find_binaries().program("pg_basebackup"))
    done = subprocess.run(
        [program, "-D", str(data), "-X", "stream", "-c", "fast", "-d", source.admin_url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shutil.copytree(source.server.secrets, home / "secrets")
    owner = source.server.secrets.parent / "data"
    for path in (data, *data.rglob("*")):
        shutil.chown(path, owner.stat().st_uid, owner.stat().st_gid)
    return copy


def bytes_of(folder: Path) -> Iterator[bytes]:
    """The content of every file under a folder."""
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_S22_a_restored_physical_backup_tells_nothing_once_the_master_key_is_rotated(
    stack: Stack,
    postgres: Postgres,
    regulator: Caller,
    tmp_path: Path,
    ring: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    await reveal(regulator, reason=f"致电{NAME} {PHONE}")
    old_ring = persons.keyring().masters
    backup = await asyncio.to_thread(base_backup, postgres, tmp_path / "copy")
    await erased(stack, regulator, enterprise(1))

    # The erasure is followed by a new master key, and the old one is destroyed.
    before = os.environ["REGISTRY_MASTER_KEYS"]
    fresh = f"test-2 {fresh_key()}"
    ring.setenv("REGISTRY_MASTER_KEYS", f"{fresh}\n{before}")
    forget_rings()
    await asyncio.to_thread(rotate_keys, said.append)
    ring.setenv("REGISTRY_MASTER_KEYS", fresh)
    forget_rings()
    await asyncio.to_thread(dump_keys, tmp_path / "keys", said.append)

    raw = tmp_path / "copy" / "data"
    assert list((raw / "pg_wal").iterdir())
    for secret in (NAME.encode(), PHONE.encode()):
        assert not any(secret in content for content in bytes_of(raw))
    backup.start()
    try:
        restored = backup.server.url("postgres", "registry")
        text = await plain_text(restored)
        assert NAME not in text
        assert PHONE not in text
        assert enterprise(1).hex in text.replace("-", "")  # the row and its wrapped key are there
        with pytest.raises(VaultClosed, match=r"vault\.master_key_missing|主密钥"):
            await readable(restored)
        ring.setenv("REGISTRY_MASTER_KEYS", before)
        forget_rings()
        assert persons.keyring().masters == old_ring
        assert PHONE in await readable(restored)  # the old master did open it: the check can see
        ring.setenv("REGISTRY_MASTER_KEYS", fresh)
        ring.setenv("REGISTRY_DATABASE_URL", restored)
        forget_rings()
        await asyncio.to_thread(load_keys, tmp_path / "keys", said.append)
        opened = await readable(restored)
        assert PHONE not in opened
        assert "00000000000" in opened  # everyone else is back
    finally:
        backup.stop()
