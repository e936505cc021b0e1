"""What the guards cost on the write path: POST a visit with and without them, in one run.

With: the product as it is. Without: `guardless` (no matrix, no look at the account, no audit line)
on the same database, with row policies and the audit table's triggers switched off meanwhile.
"""

import argparse

import asyncpg

from benchmarks.bed import Bed
from benchmarks.history.world import World
from benchmarks.measures.visiting import PATH, Visitors
from benchmarks.measures.write import send, take
from benchmarks.side import Aim, Report, in_turns, measure, median, postgres_version
from shared.platform.embedded.ports import free_port

_GUARDED = """
select c.relname from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
and exists (select from pg_policy p where p.polrelid = c.oid)
"""


async def _guard(admin: asyncpg.Connection, *, on: bool) -> None:
    verb = "enable" if on else "disable"
    for row in await admin.fetch(_GUARDED):
        await admin.execute(f'alter table "{row[0]}" {verb} row level security')
    await admin.execute(f"alter table audit {verb} trigger user")


def _serve_guardless(bed: Bed) -> int:
    port = free_port()
    bed.start_answering(
        "guardless",
        ["-m", "benchmarks.measures.guardless"],
        f"http://127.0.0.1:{port}/api/visits/v1/health",
        more={"VISITS_PORT": str(port)},
    )
    return port


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("visits") as bed:
        report.postgres = postgres_version(bed.postgres)
        visitors = Visitors(bed, World(given.enterprises))
        await visitors.prepare()
        admin = await asyncpg.connect(bed.postgres.server.url("postgres", "visits"))
        ports = {True: bed.serve("visits"), False: _serve_guardless(bed)}
        warming = given.clients * 10
        waiting = await visitors.posts((given.requests + warming) * given.rounds * 2)

        async def turn(*, guarded: bool) -> float:
            await _guard(admin, on=guarded)
            # The switch made every session plan anew.
            await send(ports[guarded], PATH, take(waiting, warming), given.clients)
            return await send(ports[guarded], PATH, take(waiting, given.requests), given.clients)

        async def without() -> float:
            return await turn(guarded=False)

        async def with_guards() -> float:
            return await turn(guarded=True)

        bare, guarded = await in_turns(given.rounds, without, with_guards)
        policies = len(await admin.fetch(_GUARDED))
        await admin.close()
    report.figures = {
        "without_per_second": [round(rate) for rate in bare],
        "with_per_second": [round(rate) for rate in guarded],
        "tables_with_policies": policies,
    }
    report.tell(
        f"without {median(bare):,.0f}/s, with {median(guarded):,.0f}/s"
        f" ({policies} tables with row policies)"
    )
    share = median([g / b for g, b in zip(guarded, bare, strict=True)])
    report.aims = [Aim(name="POST a visit, guarded ÷ unguarded, rate", value=share, least=0.75)]


if __name__ == "__main__":
    measure(
        "guards",
        "POST a visit with and without access control, row-level security and audit",
        run,
        requests=(2_000, 300),
        rounds=(5, 2),
        clients=(16, 16),
        enterprises=(2_000, 300),
    )
