"""Runs on a disk of its own that it fills: `python -m tests.faults.fulldisk FOLDER`.

FOLDER is the mount point of a small file system that only this program sees. A service books into a
PostgreSQL there; the disk gets full, stays full for a while, and gets room again.
"""

import asyncio
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2

from tests.faults.harness import KEYS, System, Watch, count

WRITES = 40
MIB = 1024 * 1024


class Books:
    """What was tried, and what was acknowledged."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self.tried: list[dict[str, Any]] = []
        self.acknowledged: dict[UUID, int] = {}

    async def book(self, body: dict[str, Any]) -> int:
        """Book once; the status."""
        answer = await self._client.post(
            "/bookings", json=body, headers={"idempotency-key": body["id"]}
        )
        if answer.status_code == 201:
            self.acknowledged[UUID(body["id"])] = body["amount_fen"]
        elif answer.status_code == 503:
            assert answer.json()["code"] == "storage.unavailable", answer.text
        return answer.status_code

    async def new(self) -> int:
        """Book something new."""
        body = {"id": str(uuid4()), "number": len(self.tried) % KEYS, "amount_fen": 7}
        self.tried.append(body)
        return await self.book(body)


async def up(client: httpx2.AsyncClient) -> None:
    """Wait until the API answers."""
    async with asyncio.timeout(150):
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if (await client.get("/health")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def keep_journal_room(system: System) -> None:
    """Let the server have journal files for later: without any it stops, which is another test."""
    connection = await asyncpg.connect(system.postgres.admin_url)
    for _ in range(2):
        await connection.execute("select pg_switch_wal()")
    await connection.execute("checkpoint")
    await connection.close()


def fill(file: Path) -> None:
    """Take all the room there is."""
    with file.open("ab", buffering=0) as out:
        for size in (MIB, 4096):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue


async def main(folder: Path) -> None:
    """Fill the disk under load; print what came of it.

    Raises: AssertionError, where anything was lost, doubled, half done or answered otherwise.
    """
    filler = folder / "filler"
    async with System(folder, "log", folder) as system:
        token = await system.token()
        address = f"http://127.0.0.1:{system.port}/api/credit/v1"
        headers = {"authorization": f"Bearer {token}"}
        async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=20) as client:
            books = Books(client)
            await up(client)
            before = [await books.new() for _ in range(WRITES)]
            await keep_journal_room(system)
            fill(filler)
            full: Counter[int] = Counter()
            while full[503] < WRITES and full.total() < 800:
                full.update(await asyncio.gather(*(books.new() for _ in range(8))))
            filler.unlink()
            async with asyncio.timeout(120):
                for body in books.tried:
                    while UUID(body["id"]) not in books.acknowledged:
                        await asyncio.sleep(0.2 * (await books.book(body) != 201))
            after = [await books.new() for _ in range(WRITES)]
            await Watch(system).drained(120)
            found = await count(system, books)
    said = (folder / "log" / "api.log").read_text()[-1500:]
    print(f"full: {dict(full)}; {found.line()}\n{said}")
    assert set(before) == set(after) == {201}
    assert full[503] >= WRITES
    assert set(full) <= {201, 503}
    assert found.acknowledged == found.committed == len(books.tried)
    assert (found.lost, found.counted_twice, found.wrote_twice) == (0, 0, 0)
    assert (found.wrong_sums, found.parked) == (0, 0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
