"""What the second wall and the audit chain cost: POST a visit with and without them, in one run.

The same API process and database; between turns row-level security is switched off and on by the
tables' owner, and the worker that chains audit lines (and moves events) is started or not.
"""

import argparse

from benchmarks.bed import Bed
from benchmarks.history.world import World
from benchmarks.measures.visiting import PATH, Visitors
from benchmarks.measures.write import send, take
from benchmarks.side import Aim, Report, in_turns, measure, median, postgres_version

_SWITCH = """
do $$ declare t text; begin
  for t in select relname from pg_class where relkind = 'r'
      and relnamespace = 'public'::regnamespace loop
    execute format('alter table %I {} row level security', t);
  end loop;
end $$
"""


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("visits") as bed:
        report.postgres = postgres_version(bed.postgres)
        visitors = Visitors(bed, World(given.enterprises))
        await visitors.prepare()
        ours = bed.serve("visits")
        waiting = await visitors.posts(given.requests * given.rounds * 3 + given.clients * 10)
        await send(ours, PATH, take(waiting, given.clients * 10), given.clients)
        owner = await bed.connect("visits")

        async def turn(*, walls: bool, chain: bool) -> float:
            await owner.execute(_SWITCH.format("enable" if walls else "disable"))
            worker = bed.work("visits") if chain else None
            if chain:
                await bed.until("visits", "select count(*) from outbox", 0)
            try:
                return await send(ours, PATH, take(waiting, given.requests), given.clients)
            finally:
                if worker:
                    worker.stop()

        async def without() -> float:
            return await turn(walls=False, chain=False)

        async def walled() -> float:
            return await turn(walls=True, chain=False)

        async def working() -> float:
            return await turn(walls=True, chain=True)

        rates = await in_turns(given.rounds, without, walled, working)
        await owner.close()
    names = ("without", "walled", "walled_and_worker")
    report.figures = {
        f"{name}_per_second": [round(rate) for rate in found]
        for name, found in zip(names, rates, strict=True)
    }
    bare, second, third = (median(found) for found in rates)
    report.tell(f"without {bare:,.0f}/s, walls {second:,.0f}/s, walls and worker {third:,.0f}/s")
    share = median([w / b for w, b in zip(rates[1], rates[0], strict=True)])
    report.aims = [Aim(name="POST a visit, with walls ÷ without", value=share, least=0.9)]


if __name__ == "__main__":
    measure(
        "walls",
        "POST a visit with and without row-level security and the audit chain",
        run,
        requests=(1_500, 300),
        rounds=(5, 3),
        enterprises=(2_000, 300),
        clients=(16, 8),
    )
