"""Uploaded files, kept under what they are: the same bytes are stored once."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from shared.kernel.errors import BadInput

_BLOCK = 1 << 20


class Upload(Protocol):
    """What is asked of an uploaded file."""

    async def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored file: the digest is its name."""

    digest: str
    size: int


def path_of(folder: Path, digest: str) -> Path:
    """Where the file with this digest lies."""
    return folder / digest[:2] / digest


async def keep(upload: Upload, folder: Path, *, most_bytes: int) -> Stored:
    """Store an upload under its SHA-256.

    Raises: BadInput `file.empty`, `file.too_large`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{uuid4()}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with part.open("wb") as out:
            while block := await upload.read(_BLOCK):
                size += len(block)
                if size > most_bytes:
                    most = most_bytes // _BLOCK
                    raise BadInput("file.too_large", "文件过大", f"最大 {most} MB", status=413)
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if not size:
            raise BadInput("file.empty", "文件是空的", "请选择有内容的文件")
        path = path_of(folder, digest.hexdigest())
        path.parent.mkdir(exist_ok=True)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Stored(digest.hexdigest(), size)
