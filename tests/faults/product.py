"""The product's own services to be killed: visits are posted, reporting counts them.

API and worker of visits and two workers of reporting, each a process as in production.
"""

import asyncio
from typing import Self

from benchmarks.bed import Bed
from benchmarks.client import Connection
from benchmarks.history.world import World
from benchmarks.measures.visiting import PATH, Post, Visitors
from shared.platform.embedded.supervisor import Program
from tests.faults.harness import Plan, Result, kill_under_load
from tests.faults.killable import Killable

ENTERPRISES = 300
#: Visits that may be posted in a second at most, and as many as are prepared per kill.
PER_SECOND, POSTS_A_KILL = 60, 150
_FACTS = "select ref, count(*) as n from fact where type = 7 group by ref"
_ROWS = "select coalesce(sum(n), 0) from delta where kind = 4"
_ROLLED_UP = "select coalesce(sum(n), 0) from delta_month where kind = 4"


class Product(Killable):
    """Databases, broker and processes of the product itself."""

    owner, consumer = "visits", "reporting.figures"

    def __init__(self, transport: str, posts: int) -> None:
        super().__init__()
        self.bed = Bed("visits", "reporting", transport=transport)
        self.postgres, self.kafka = self.bed.postgres, self.bed.kafka
        self.posts: list[Post] = []
        self.port = 0
        self._posts = posts

    async def __aenter__(self) -> Self:
        await self.bed.__aenter__()
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        visitors = Visitors(self.bed, World(ENTERPRISES))
        await visitors.prepare()
        self.posts = await visitors.posts(self._posts)
        self.port, self.programs["api"] = self.bed.serve_program("visits")
        self.programs["relay"] = self.bed.work("visits")
        for worker in ("w0", "w1"):
            self.programs[f"consumer-{worker}"] = self._consumer(worker)
        await self.bed.until("reporting", "select count(*) from fact where type = 3", ENTERPRISES)
        await self.keep()

    def _consumer(self, worker: str) -> Program:
        return self.bed.start(
            f"work-reporting-{worker}",
            ["-m", "services", "work", "reporting"],
            more={"YINQI_WORKER_NAME": worker},
        )

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        await self.bed.__aexit__(None, None, None)


class Visits:
    """Managers who post each visit, under the same key, until it is acknowledged."""

    def __init__(self, product: Product, *, writers: int = 12) -> None:
        self._product = product
        self._writers = writers
        self._left = iter(product.posts)
        self._stop = False
        self.acknowledged: list[Post] = []
        self.repeats = 0

    async def run(self) -> None:
        """Post until told to stop, or until nothing is left to post."""
        await asyncio.gather(*(self._write() for _ in range(self._writers)))

    async def _write(self) -> None:
        while not self._stop and (post := next(self._left, None)):
            pause = asyncio.create_task(asyncio.sleep(self._writers / PER_SECOND))
            while not await self._answered(post):
                self.repeats += 1
                await asyncio.sleep(0.1)
            self.acknowledged.append(post)
            await pause

    async def _answered(self, post: Post) -> bool:
        """Whether the visit is acknowledged; False: the same is to be sent again."""
        connection = Connection(self._product.port)
        try:
            async with asyncio.timeout(10):
                await connection.open()
                status, answer = await connection.ask("POST", PATH, post.headers, post.body)
        except (OSError, EOFError, TimeoutError):
            return False
        finally:
            await connection.close()
        assert status == 201 or status >= 500, answer.decode()
        return status == 201

    def stop(self) -> None:
        """Let every manager finish the last visit."""
        self._stop = True


async def run(product: Product, plan: Plan) -> Result:
    """Load, kill, wait until all is counted, and count against the truth."""
    load = Visits(product)
    killer, recovery = await kill_under_load(product, plan, load)
    result = await count(product, load)
    result.kills, result.recovery = killer.done, recovery
    return result


async def count(product: Product, load: Visits) -> Result:
    """The oracle: what managers were told, the visits kept, the facts, and what figures add up."""
    visits = await product.bed.connect("visits")
    reporting = await product.bed.connect("reporting")
    kept = {row["visit_id"]: row["complete"] for row in await visits.fetch("select * from visit")}
    facts = {row["ref"]: row["n"] for row in await reporting.fetch(_FACTS)}
    sums = [await reporting.fetchval(query) for query in (_ROWS, _ROLLED_UP)]
    parked = await reporting.fetchval("select count(*) from parked")
    told = await visits.fetchval("select count(*) from event_log where type = 'VisitLogged.v1'")
    await visits.close()
    await reporting.close()
    lost = [post for post in load.acknowledged if post.visit_id not in kept]
    return Result(
        kills=0,
        acknowledged=len(load.acknowledged),
        lost=len(lost) + len(kept.keys() - facts.keys()),
        counted_twice=sum(n - 1 for n in facts.values()) + len(facts.keys() - kept.keys()),
        parked=parked,
        wrong_sums=sum(found != sum(kept.values()) for found in sums),
        wrote_twice=told - len(kept),
        committed=len(kept),
        seconds=0,
    )
