"""The folder of photos: a file is whole and on disk under its name, or it is not there.

Names are the SHA-256 of the content. The file comes first and the row after it, so a crash leaves
at most a file without a row, never a row without its file.
"""

import os
from pathlib import Path
from uuid import uuid4


def path_of(folder: Path, sha256: bytes) -> Path:
    """Where the photo with this hash lies."""
    name = sha256.hex()
    return folder / name[:2] / f"{name}.jpg"


def write(folder: Path, sha256: bytes, data: bytes) -> None:
    """Put the file in its place durably; the same content again is not written twice.

    Raises: OSError, where the disk is full or gone; then nothing stands under the name.
    """
    path = path_of(folder, sha256)
    if path.exists():
        return
    if not path.parent.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder)
    part = path.with_name(f"{uuid4()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
