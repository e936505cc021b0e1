"""Kill -9 of the worker and of its session in the middle of an import: all of it, or nothing."""

import asyncio
import random
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from benchmarks.bed import Bed
from shared.platform.embedded.processes import signal_quietly
from shared.platform.embedded.supervisor import Program
from tests.faults.harness import seed
from tests.faults.killable import SIGKILL
from tests.registry.sheets import VINTAGE, firm, lines_of, xlsx

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
ROWS = 16_000
BROUGHT = (
    "enterprise", "enterprise_slice", "list_member", "person_data", "import_row", "import_chunk",
    "outbox", "event_log",
)  # fmt: skip
_WRITING = """
select a.pid from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and a.backend_xid is not null
and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended('lists', 0)
"""


async def _writing(connection: asyncpg.Connection) -> int:
    """The session that writes rows of the import."""
    async with asyncio.timeout(90):  # what died is begun again after a quarter of a minute
        while not (pid := await connection.fetchval(_WRITING)):
            await asyncio.sleep(0.02)
    return pid


async def _counts(connection: asyncpg.Connection) -> dict[str, int]:
    return {name: await connection.fetchval(f"select count(*) from {name}") for name in BROUGHT}


async def _kill_worker(worker: Program) -> None:
    pid = worker.status().pid
    assert pid
    signal_quietly(pid, SIGKILL)
    await asyncio.to_thread(worker.stop)
    await asyncio.to_thread(worker.start)


async def test_R1_an_import_killed_in_the_middle_leaves_nothing_and_then_all_of_it_once() -> None:
    dice = random.Random(seed())
    nothing = dict.fromkeys(BROUGHT, 0)
    async with Bed("registry") as bed:
        connection = await bed.connect("registry")
        token = bed.token("province_regulator")
        await bed.know("registry")
        port, worker = bed.serve("registry"), bed.work("registry")
        content = xlsx(lines_of([firm(n) for n in range(1, ROWS + 1)]))
        headers = {"authorization": f"Bearer {token}", "idempotency-key": str(uuid4())}
        base = f"http://127.0.0.1:{port}/api/registry/v1/imports"
        async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
            form = {"kind": "enterprises", "list_vintage": VINTAGE}
            begun = await client.post(base, data=form, files={"file": ("名单.xlsx", content)})
            place = f"{base}/{begun.raise_for_status().json()['import_id']}"
            for victim in ("worker", "session", "worker"):
                session = await _writing(connection)
                await asyncio.sleep(dice.uniform(0, 0.8))
                if await connection.fetchval(_WRITING) != session:
                    break  # it was quicker, and is through
                assert await _counts(connection) == nothing  # nobody sees a part of a list
                if victim == "worker":
                    await _kill_worker(worker)
                else:
                    await connection.execute("select pg_terminate_backend($1)", session)
                assert await _counts(connection) == nothing
                assert (await client.get(place)).json()["state"] == "reading"
            async with asyncio.timeout(120):
                while (job := (await client.get(place)).json())["state"] == "reading":
                    await asyncio.sleep(0.1)
        assert (job["state"], job["counts"]["new"]) == ("done", ROWS)
        listed = "select count(*) from event_log where type like 'EnterpriseListed.%'"
        await bed.until("registry", listed, ROWS)
        await bed.until("registry", "select count(*) from outbox", 0)
        keys = "select count(*), count(distinct key), max(seq) from event_log where type like $1"
        assert tuple(await connection.fetchrow(keys, "EnterpriseListed.%")) == (ROWS, ROWS, 1)
        assert tuple(await connection.fetchrow(keys, "ListImported.%")) == (1, 1, 1)
        found = await _counts(connection)
        brought = ("enterprise", "enterprise_slice", "list_member", "person_data", "import_row")
        assert {found[name] for name in brought} == {ROWS}
        await connection.close()
