"""The disk under the outbox gets full: refused, nothing half done, whole again with room (row 12)."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
#: A file system of this size that only the program sees, gone with it; no rights are needed for it.
SIZE = "160m"
ALONE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")


async def test_a_full_disk_refuses_writes_with_503_and_leaves_none_half_done(
    tmp_path: Path,
) -> None:
    program = f"mount -t tmpfs -o size={SIZE} tmpfs '{tmp_path}'"
    program += f" && exec '{sys.executable}' -m tests.faults.fulldisk '{tmp_path}'"
    running = await asyncio.create_subprocess_exec(
        *ALONE, program, cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await running.communicate()
    print(said.decode()[-2000:])
    assert running.returncode == 0, said.decode()[-6000:]
