"""Write path: POST a visit, beside a bare FastAPI + asyncpg insert of the same body.

One process each, the same client, the same concurrency, the same PostgreSQL. Ours checks the token
and the body, keeps the idempotent answer and the audit line, judges the visit by the rules, writes
it with its photos and its event, all in one transaction.
"""

import argparse
import asyncio

from benchmarks.bed import Bed
from benchmarks.client import Connection
from benchmarks.history.world import World
from benchmarks.measures.visiting import PATH, Post, Visitors
from benchmarks.side import Aim, Report, Watch, in_turns, measure, median, postgres_version
from shared.platform.embedded.ports import free_port


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("visits") as bed:
        report.postgres = postgres_version(bed.postgres)
        visitors = Visitors(bed, World(given.enterprises))
        await visitors.prepare()
        ours = bed.serve("visits")
        bare = await _start_bare(bed)
        waiting = await visitors.posts(given.requests * given.rounds + given.clients * 10)
        await send(bare, "/visits", waiting[: given.clients * 10], given.clients)
        await send(ours, PATH, take(waiting, given.clients * 10), given.clients)

        async def one_of_ours() -> float:
            return await send(ours, PATH, take(waiting, given.requests), given.clients)

        async def one_of_bare() -> float:
            return await send(bare, "/visits", waiting[: given.requests], given.clients)

        # Bare first: it sends the posts that ours takes away in the same round.
        bare_rates, our_rates = await in_turns(given.rounds, one_of_bare, one_of_ours)
    report.figures = {
        "bare_per_second": [round(rate) for rate in bare_rates],
        "ours_per_second": [round(rate) for rate in our_rates],
    }
    report.tell(f"bare {median(bare_rates):,.0f}/s, ours {median(our_rates):,.0f}/s")
    share = median([o / b for o, b in zip(our_rates, bare_rates, strict=True)])
    report.aims = [
        Aim(
            name="POST a visit ÷ bare insert, rate",
            value=share,
            least=0.4,
            ours=f"{median(our_rates):,.0f}/s",
            beside=f"{median(bare_rates):,.0f}/s",
        )
    ]


def take(waiting: list[Post], count: int) -> list[Post]:
    taken = waiting[:count]
    del waiting[:count]
    return taken


async def _start_bare(bed: Bed) -> int:
    port = free_port()
    bed.start_answering(
        "bare",
        ["-m", "benchmarks.measures.bare", str(port)],
        f"http://127.0.0.1:{port}/health",
        more={"BARE_DATABASE_URL": bed.databases["visits"].owner_url},
    )
    return port


async def send(port: int, path: str, posts: list[Post], clients: int) -> float:
    """Send all, `clients` at a time; how many a second were answered."""
    waiting = iter(posts)

    async def one_client() -> None:
        connection = Connection(port)
        await connection.open()
        try:
            for post in waiting:
                await post.send(connection, path)
        finally:
            await connection.close()

    watch = Watch()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one_client())
    return len(posts) / watch.read()


if __name__ == "__main__":
    measure(
        "write",
        "POST a visit beside a bare insert of the same body",
        run,
        requests=(2_000, 300),
        rounds=(5, 2),
        clients=(16, 16),
        enterprises=(2_000, 300),
    )
