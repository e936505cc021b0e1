"""Commit to visible: how long after its commit a visit stands in the figures' tables.

API, its worker and reporting's worker run as processes of their own; a client posts visits at a
steady rate. Both instants are PostgreSQL's own commit times (`track_commit_timestamp`), of the
transaction that recorded the visit and of the one that took it into the figures: one clock, and
nobody has to look.
"""

import argparse
import asyncio
import time

from benchmarks.bed import Bed
from benchmarks.client import Connection
from benchmarks.history.world import World
from benchmarks.measures.visiting import Post, Visitors
from benchmarks.side import Aim, Report, measure, percentile, postgres_version

TRANSPORTS = {"log": 50, "kafka": 100}
_SERVER = {"track_commit_timestamp": "on"}
_WARM_UP_S = 3
_COMMITS = "select {id} as id, pg_xact_commit_timestamp(xmin) as at from {table}"


async def run(given: argparse.Namespace, report: Report) -> None:
    for transport, most in TRANSPORTS.items():
        if given.transport not in (transport, "both"):
            continue
        found = await _one_transport(given, report, transport)
        p50, p99 = percentile(found, 0.5), percentile(found, 0.99)
        report.figures[transport] = {
            "visits": len(found),
            "p50_ms": round(p50, 1),
            "p99_ms": round(p99, 1),
            "max_ms": round(max(found), 1),
        }
        report.tell(f"{transport}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(found)} visits")
        report.aims.append(
            Aim(name=f"commit → visible, p99, {transport}", value=p99, most=most, unit="ms")
        )


async def _one_transport(given: argparse.Namespace, report: Report, transport: str) -> list[float]:
    async with Bed("visits", "reporting", transport=transport, settings=_SERVER) as bed:
        report.postgres = postgres_version(bed.postgres)
        visitors = Visitors(bed, World(given.enterprises))
        await visitors.prepare()
        port = bed.serve("visits")
        bed.work("visits")
        bed.work("reporting")
        everybody = "select count(*) from fact where type = 3"
        await bed.until("reporting", everybody, given.enterprises)
        posts = await visitors.posts(given.rate * (given.seconds + _WARM_UP_S))
        await _post_steadily(port, posts, given.rate)
        visible = "select count(*) from fact where type = 7"
        await bed.until("reporting", visible, len(posts), seconds=60)
        return await _delays(bed, posts[given.rate * _WARM_UP_S :])


async def _post_steadily(port: int, posts: list[Post], rate: int) -> None:
    """Send each post at its time; a late one does not make the others late."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(32):
        connection = Connection(port)
        await connection.open()
        idle.put_nowait(connection)

    async def send(post: Post) -> None:
        connection = await idle.get()
        await post.send(connection)
        idle.put_nowait(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, post in enumerate(posts):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            group.create_task(send(post))
    while not idle.empty():
        await idle.get_nowait().close()


async def _delays(bed: Bed, posts: list[Post]) -> list[float]:
    """Milliseconds from commit to commit of every visit."""
    times: list[dict[object, object]] = []
    for service, table, name in (("visits", "visit", "visit_id"), ("reporting", "fact", "ref")):
        connection = await bed.connect(service)
        try:
            query = _COMMITS.format(id=name, table=table)
            if table == "fact":
                query += " where type = 7"
            times.append({row["id"]: row["at"] for row in await connection.fetch(query)})
        finally:
            await connection.close()
    recorded, visible = times
    return [
        (visible[post.visit_id] - recorded[post.visit_id]).total_seconds() * 1000  # pyright: ignore[reportOperatorIssue, reportAttributeAccessIssue]
        for post in posts
    ]


if __name__ == "__main__":
    measure(
        "latency",
        "from the commit of a visit to its row in reporting",
        run,
        seconds=(60, 5),
        rate=(200, 50),
        enterprises=(5_000, 500),
        transport=("both", "both"),
    )
