"""Made-up calls to every operation of every service as each role, behind the real gateway.

    python -m tests.access.fuzzing [--examples 1] [--each 240] [--seed 1] [--keep FILE]

Runs a tiny campaign first, so that the calls meet real rows. Per service schemathesis draws the
calls; of these every role sends its share, two of three of them about things that exist. Counted
are the cases, faults of the server, statuses that the document does not name, and calls that a
role could not even sign: a session that is not taken would hide everything behind a 401.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx2
from rich.console import Console

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.drive import run_campaign
from benchmarks.campaign.world import Options as Campaign
from benchmarks.campaign.world import World
from services.embedded import ROOT, Embedded, Options
from shared.kernel import permissions
from shared.platform.settings import SERVICES
from tests.access.harvest import Harvest
from tests.access.made_up import Call, draw
from tests.access.planting import Planted

Json = dict[str, Any]
EACH, REAL, IN_FLIGHT = 240, 2 / 3, 8
RESULT = ROOT / "benchmarks" / "results" / "fuzzing.json"


@dataclass(slots=True)
class Fuzzed:
    """What came of all cases; by role and service in `cells`, where a status class counts, too."""

    cases: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])
    undocumented: list[str] = field(default_factory=list[str])
    unsigned: list[str] = field(default_factory=list[str])
    drawing: list[str] = field(default_factory=list[str])
    cells: dict[tuple[str, str], Counter[str]] = field(
        default_factory=dict[tuple[str, str], Counter[str]]
    )

    @property
    def wrong(self) -> list[str]:
        """Everything that may not be."""
        return [*self.faults, *self.undocumented, *self.unsigned, *self.drawing]

    def taken(self, role: str) -> int:
        """How many calls of a role were answered with what was asked for."""
        return sum(cell["2xx"] for (who, _), cell in self.cells.items() if who == role)

    def told(self) -> str:
        """The figures in some lines."""
        lines = [f"{'role':22}{'service':12}cases   5xx  undocumented   2xx"]
        for (role, service), cell in sorted(self.cells.items()):
            numbers = (cell["cases"], cell["5xx"], cell["undocumented"], cell["2xx"])
            lines.append(f"{role:22}{service:12}" + "{:5}{:6}{:14}{:6}".format(*numbers))
        lines.append(
            f"cases {self.cases} in {self.seconds:.0f} s, 5xx {len(self.faults)}, undocumented"
            f" {len(self.undocumented)}, not signed {len(self.unsigned)}"
        )
        return "\n".join(lines)

    def plain(self) -> Json:
        """The figures as they are kept."""
        return {
            "name": "fuzzing",
            "date": date.today().isoformat(),
            "cases": self.cases,
            "seconds": round(self.seconds),
            "server_errors": len(self.faults),
            "undocumented_statuses": len(self.undocumented),
            "by_role": {
                role: {s: dict(sorted(self.cells[role, s].items())) for s in SERVICES}
                for role in dict.fromkeys(role for role, _ in self.cells)
            },
        }


class Fuzz:
    """Sends kept calls as each role and judges the answers."""

    def __init__(
        self,
        api: Api,
        client: httpx2.AsyncClient,
        documents: dict[str, Json],
        known: dict[str, list[str]],
        seed: int,
    ) -> None:
        self._api = api
        self._client = client
        self._documents = documents
        self._known = known
        self._dice = Random(seed)
        self.found = Fuzzed()

    async def send(self, who: Caller, calls: Sequence[Call], each: int) -> None:
        """A share of a service's calls as one role."""
        slots = asyncio.Semaphore(IN_FLIGHT)
        chosen = [self._dice.choice(calls) for _ in range(each)]

        async def one(call: Call) -> None:
            async with slots:
                await self._try(who, call)

        async with asyncio.TaskGroup() as group:
            for call in chosen:
                real = self._dice.random() < REAL
                group.create_task(one(call.about(self._known, self._dice) if real else call))

    async def _try(self, who: Caller, call: Call) -> None:
        proof = await self._api.proof(who)
        headers = [*((n, v) for n, v in call.headers if n not in proof), *proof.items()]
        # A key used twice would be answered from what was kept, and nothing new be tried.
        headers = [
            (n, str(uuid4()) if n.lower() == "idempotency-key" and len(v) >= 8 else v)
            for n, v in headers
        ]
        request = httpx2.Request(
            call.method,
            self._client.base_url.join(call.target),
            headers=[(n.encode(), v.encode("utf-8", "replace")) for n, v in headers],
            content=call.body or None,
        )
        answer = await self._client.send(request)
        self._judge(who.role, call, answer)

    def _judge(self, role: str, call: Call, answer: httpx2.Response) -> None:
        status, found = answer.status_code, self.found
        cell = found.cells.setdefault((role, call.service), Counter[str]())
        said = f"{role} {call.method} {call.target[:200]}: {status} {answer.text[:300]}"
        found.cases += 1
        cell["cases"] += 1
        cell[f"{status // 100}xx"] += 1
        if status >= 500:
            found.faults.append(f"{said} body {call.body[:300]!r}")
        if call.operation is None:
            return  # a method or an address that the document does not have
        method, path = call.operation
        operation = self._documents[call.service]["paths"][path][method.lower()]
        if str(status) not in operation["responses"]:
            cell["undocumented"] += 1
            found.undocumented.append(f"{said} body {call.body[:300]!r}")
        if status == 401 and operation["security"]:
            found.unsigned.append(said)


async def fuzz(
    platform: Embedded,
    world: World,
    folder: Path,
    *,
    services: Sequence[str] = SERVICES,
    examples: int = 1,
    each: int = EACH,
    seed: int = 1,
) -> Fuzzed:
    """Draw calls to these services, and send `each` of them to each service as each role."""
    began = time.monotonic()
    harvest = Harvest(Planted())
    await harvest.read(platform)
    async with Api(platform.url) as api, httpx2.AsyncClient(base_url=platform.url) as client:
        documents = {
            name: (await api.ask(world.regulator, "GET", f"/{name}/v1/openapi.json")).json()
            for name in services
        }
        running = Fuzz(api, client, documents, _known(harvest, world), seed)
        for name in services:
            # A machine draws: beside a session the drawn bearer tokens would be taken for its own.
            proof = await api.proof(next(iter(world.cores.values())))
            calls, trouble = await asyncio.to_thread(
                draw, folder, platform.url, name, documents[name], proof, examples
            )
            running.found.cases += len(calls)
            running.found.drawing += [trouble] if trouble else []
            for who in await _one_of_each(api, world):
                await running.send(who, calls, each)
    running.found.seconds = time.monotonic() - began
    return running.found


def _known(harvest: Harvest, world: World) -> dict[str, list[str]]:
    """Ids that exist, by the name of the field that takes them; accounts are left alone."""
    found: dict[str, set[str]] = {"campaign_id": {world.campaign_id}}
    for row in harvest.rows:
        if row.column != "account_id":
            found.setdefault(row.column, set()).add(row.value)
        if row.bank:
            found.setdefault("institution_id", set()).add(row.bank)
    found.setdefault("enterprise_id", set()).update(harvest.region)
    return {name: sorted(values) for name, values in found.items()}


async def _one_of_each(api: Api, world: World) -> list[Caller]:
    """One of every role, signed in."""
    everyone = [world.admin, *world.callers.values(), *world.cores.values()]
    chosen = [next(c for c in everyone if c.role == role) for role in permissions.roles()]
    for caller in chosen:
        await api.proof(caller)
    return chosen


def main() -> int:
    """Run it; 1 where anything failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=1)
    parser.add_argument("--each", type=int, default=EACH)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yinqi-fuzz-") as name:
        home = Path(name)
        options = Options(home=home / "home", simulation=True)
        with Embedded(options) as platform, (home / "campaign.log").open("w") as log:
            campaign = Campaign(size="tiny", seed=11, home=home / "home")
            world = asyncio.run(
                run_campaign(
                    campaign, platform.url, platform.admin_password, Console(file=log, width=150)
                )
            )
            found = asyncio.run(
                fuzz(
                    platform,
                    world,
                    home,
                    examples=given.examples,
                    each=given.each,
                    seed=given.seed,
                )
            )
    for text in found.wrong:
        print(text)
    print(found.told())
    given.keep.write_text(json.dumps(found.plain(), ensure_ascii=False, indent=1) + "\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
