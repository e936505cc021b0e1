"""Uploaded files: sealed in blocks, each file under a key of its own that lies in the database.

A sheet holds the names and telephones of thousands. So no plain byte of it stays on disk: it is
opened into memory only, and who destroys its key destroys it wherever a copy of the file may lie.
"""

import asyncio
import hashlib
import os
import shutil
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID, uuid4

from services.registry.store.bulk import execute, fetch
from services.registry.store.persons import keyring
from shared.kernel.errors import BadInput, Conflict
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction
from shared.platform.vault import Wrapped, open_box, seal

_BLOCK: Final = 1 << 20
_LENGTH: Final = struct.Struct(">I")
_PLACE: Final = struct.Struct(">IB")


class Upload(Protocol):
    """What is asked of an uploaded file."""

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...

    async def seek(self, offset: int, /) -> None:
        """Go to a place."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file, and the key it lies under."""

    upload_id: UUID
    key: bytes

    def path(self, folder: Path) -> Path:
        """Where it lies."""
        return path_of(folder, self.upload_id)


def path_of(folder: Path, upload_id: UUID) -> Path:
    """Where an upload lies."""
    name = upload_id.hex
    return folder / name[-2:] / name


async def keep(database: Database, upload: Upload, folder: Path, *, most_bytes: int) -> str:
    """Store an upload sealed; its SHA-256. The same bytes are stored once.

    Raises: BadInput `file.empty`, `file.too_large`.
    """
    digest, size = hashlib.sha256(), 0
    while block := await upload.read(_BLOCK):
        size += len(block)
        if size > most_bytes:
            most = most_bytes // _BLOCK
            raise BadInput("file.too_large", "文件过大", f"最大 {most} MB", status=413)
        digest.update(block)
    if not size:
        raise BadInput("file.empty", "文件是空的", "请选择有内容的文件")
    name = digest.hexdigest()
    async with database.transaction() as tx:
        stored = await find_upload(tx, name) or await _add(tx, name, size)
    path = stored.path(folder)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        await _write(upload, path, stored)
    return name


async def _write(upload: Upload, path: Path, stored: Stored) -> None:
    part = path.parent / f".{uuid4()}.part"
    await upload.seek(0)
    try:
        with part.open("wb") as out:
            number, block = 0, await upload.read(_BLOCK)
            while block:
                following = await upload.read(_BLOCK)
                bound = _bound(stored.upload_id, number, last=not following)
                box = seal(stored.key, block, bound_to=bound)
                out.write(_LENGTH.pack(len(box)) + box)
                number, block = number + 1, following
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _bound(upload_id: UUID, number: int, *, last: bool) -> bytes:
    """Blocks cannot be exchanged, left out or cut off."""
    return upload_id.bytes + _PLACE.pack(number, last)


@asynccontextmanager
async def opened(database: Database, folder: Path, digest: str) -> AsyncIterator[int]:
    """A stored file, open in memory: the number of a file descriptor.

    Raises: Conflict `file.gone`: its time is over, or a person in it was erased.
    """
    async with database.read() as tx:
        stored = await find_upload(tx, digest)
    if stored is None or not (path := stored.path(folder)).exists():
        raise Conflict("file.gone", "原文件已按保存期限删除", "请重新上传")
    descriptor = os.memfd_create("upload")
    try:
        await asyncio.to_thread(_open_into, descriptor, path, stored)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_into(descriptor: int, path: Path, stored: Stored) -> None:
    with path.open("rb") as file, os.fdopen(os.dup(descriptor), "wb") as out:
        number, head = 0, file.read(_LENGTH.size)
        while head:
            box = file.read(*_LENGTH.unpack(head))
            head = file.read(_LENGTH.size)
            bound = _bound(stored.upload_id, number, last=not head)
            out.write(open_box(stored.key, box, bound_to=bound))
            number += 1


async def find_upload(tx: Transaction, digest: str) -> Stored | None:
    """The upload with these bytes, while its key lives."""
    rows = await fetch(
        tx,
        "select u.upload_id, k.master, k.wrapped from upload u join data_key k on k.subject_id ="
        " u.upload_id where u.digest = $1",
        digest,
    )
    if not rows:
        return None
    upload_id, master, wrapped = rows[0]
    return Stored(upload_id, keyring().unwrap(upload_id, Wrapped(master, wrapped)))


async def _add(tx: Transaction, digest: str, size: int) -> Stored:
    upload_id = new_id()
    key, wrapped = keyring().new_key(upload_id)
    added = await fetch(
        tx,
        "insert into upload (upload_id, digest, size, stored_at) values ($1, $2, $3, $4)"
        " on conflict (digest) do nothing returning upload_id",
        upload_id,
        digest,
        size,
        tx.now,
    )
    if not added:  # a twin was quicker
        stored = await find_upload(tx, digest)
        if stored is None:
            raise Conflict("file.gone", "原文件已按保存期限删除", "请重新上传")
        return stored
    await execute(
        tx,
        "insert into data_key (subject_id, kind, master, wrapped) values ($1, 'upload', $2, $3)",
        upload_id,
        *wrapped,
    )
    return Stored(upload_id, key)


async def forget_uploads(tx: Transaction, digests: list[str]) -> list[UUID]:
    """Destroy the keys of uploads; their files are then noise, to be removed by the caller."""
    rows = await fetch(
        tx,
        "with gone as (delete from upload where digest = any($1::text[]) returning upload_id)"
        " delete from data_key k using gone where k.subject_id = gone.upload_id"
        " returning k.subject_id",
        digests,
    )
    return [row[0] for row in rows]


async def old_uploads(tx: Transaction, *, days: int) -> list[str]:
    """Digests of the uploads that are past their time and in no unfinished import."""
    rows = await fetch(
        tx,
        "select u.digest from upload u where u.stored_at < $1::timestamptz - make_interval("
        "days => $2) and not exists (select from import i where i.digest = u.digest"
        " and i.state not in ('done', 'checked', 'failed'))",
        tx.now,
        days,
    )
    return [row[0] for row in rows]


def remove_leftovers(folder: Path) -> None:
    """Remove half-written files, exports and reports that a crash left, once a day old."""
    if not folder.exists():
        return
    oldest = time.time() - 86_400
    leftovers = ("report-*", "*/.*.part", "exports/*.part")
    for path in (each for pattern in leftovers for each in folder.glob(pattern)):
        if path.stat().st_mtime < oldest:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def remove_files(folder: Path, uploads: list[UUID]) -> None:
    """Remove the files of uploads whose keys are destroyed."""
    for upload_id in uploads:
        path_of(folder, upload_id).unlink(missing_ok=True)
