"""Everyone tries everything with everybody else's ids, on a platform that has run a campaign.

The ids of foreign objects are read from the databases themselves, the operations from the published
OpenAPI documents, so what is new is tried from its first day. An answer about a foreign object has
to be the answer about one that does not exist, byte for byte, and no answer may carry anything
by which a foreign row could be known.
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import msgspec

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.world import World
from services.embedded import Embedded
from shared.platform.settings import SERVICES
from tests.access.bodies import body_of

Json = dict[str, Any]
TRIES = 12_000
CONTROL_TRIES = 300
IN_FLIGHT = 8
ROLES = ("bureau", "bank_head", "branch_head", "relationship_manager", "bank_core")
_TRACE = re.compile(rb'"trace_id":"[^"]*"')
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_USCC = re.compile(r"\b[0-9A-HJ-NP-RT-UW-Y]{18}\b")
_PARAM = re.compile(r"\{(\w+)\}")
#: Whose columns are reference data that every signed-in caller may know.
_COMMON = {"campaign_id", "institution_id", "bulletin_id"}


@dataclass(frozen=True, slots=True)
class Who:
    """A caller and what is foreign to it: ids by column, and marks that may not be in an answer."""

    caller: Caller
    foreign: dict[str, list[str]]
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service."""

    service: str
    method: str
    path: str
    parameters: tuple[str, ...]
    queries: tuple[str, ...]
    body: Any

    def at(self, value: str) -> str:
        """Its path with every id replaced."""
        return _PARAM.sub(value, self.path)


@dataclass(slots=True)
class Walked:
    """What the walk found."""

    tries: int = 0
    by_role: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[int] = field(default_factory=Counter[int])
    wrong: list[str] = field(default_factory=list[str])
    leaks: list[str] = field(default_factory=list[str])

    def told(self) -> str:
        """The figures in some lines."""
        return (
            f"foreign-object tries {self.tries}, wrong {len(self.wrong)}, leaks {len(self.leaks)}\n"
            f"by role {dict(self.by_role)}\nby status {dict(sorted(self.statuses.items()))}"
        )


class Harvest:
    """All ids of all databases, with the institution, region or enterprise each belongs to."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str | None, str | None, str | None]] = []
        self.uscc: dict[str, str] = {}
        self.access: set[tuple[str, str]] = set()
        self.region: dict[str, str] = {}

    async def read(self, platform: Embedded) -> None:
        """Read every table of every service that has ids."""
        for name in SERVICES:
            connection = await asyncpg.connect(platform.postgres.server.url("postgres", name))
            try:
                await self._tables(connection)
                if name == "registry":
                    await self._registry(connection)
            finally:
                await connection.close()

    async def _tables(self, connection: asyncpg.Connection) -> None:
        found = await connection.fetch(
            "select table_name, array_agg(column_name::text) as columns from"
            " information_schema.columns where table_schema = 'public' and (data_type = 'uuid'"
            " or column_name in ('region_code', 'institution_id')) group by 1"
        )
        for table, columns in found:
            ids = [c for c in columns if c.endswith("_id") and c not in _COMMON]
            owner = "institution_id::text" if "institution_id" in columns else "null"
            place = "region_code" if "region_code" in columns else "null"
            firm = "enterprise_id::text" if "enterprise_id" in columns else "null"
            if not ids or (owner, place, firm) == ("null", "null", "null"):
                continue
            for column in ids:
                rows = await connection.fetch(
                    f'select distinct "{column}"::text, {owner}, {place}, {firm} from "{table}"'
                    f' where "{column}" is not null limit 4000'
                )
                self.rows += [(column, *row) for row in rows]

    async def _registry(self, connection: asyncpg.Connection) -> None:
        firms = "select enterprise_id::text, uscc, region_code from enterprise"
        for row in await connection.fetch(firms):
            self.uscc[row[0]], self.region[row[0]] = row[1], row[2]
        access = "select enterprise_id::text, institution_id::text from access"
        self.access = {(row[0], row[1]) for row in await connection.fetch(access)}

    def who(self, caller: Caller) -> Who:
        """What is foreign to a caller."""
        account = caller.account
        bank, city = account.get("institution_id"), (account.get("region_code") or "")[:4]
        foreign: dict[str, set[str]] = {}
        own: set[str] = set()
        for column, value, owner, place, firm in self.rows:
            mine = self._is_own(bank, city, owner, place, firm)
            if mine:
                own.add(value)
            elif mine is not None:
                foreign.setdefault(column, set()).add(value)
        for enterprise_id, region in self.region.items():
            mine = (
                (enterprise_id, bank) in self.access if bank else bool(city) and region[:4] == city
            )
            (own.add if mine else foreign.setdefault("enterprise_id", set()).add)(enterprise_id)
        marks = {value for values in foreign.values() for value in values} - own
        marks |= {u for e, u in self.uscc.items() if e not in own}
        return Who(
            caller,
            {column: sorted(values - own) for column, values in foreign.items()},
            frozenset(marks),
        )

    def _is_own(
        self, bank: str | None, city: str, owner: str | None, place: str | None, firm: str | None
    ) -> bool | None:
        """Whether a row is the caller's; None where the row alone does not tell."""
        if bank:
            return owner == bank or (owner is None and (firm, bank) in self.access)
        where = place or self.region.get(firm or "")
        if city and where is None:
            return None  # a photo is where its visit was
        return bool(city) and where[:4] == city


def operations(documents: dict[str, Json]) -> Iterator[Operation]:
    """Every operation of every service."""
    for service, document in documents.items():
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                queries = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
                yield Operation(
                    service,
                    method.upper(),
                    path,
                    tuple(_PARAM.findall(path)),
                    tuple(q for q in queries if q.endswith("_id")),
                    body_of(operation, document),
                )


class Walk:
    """Tries every operation as every caller with foreign ids, and compares with ids of nothing."""

    def __init__(
        self,
        api: Api,
        client: httpx2.AsyncClient,
        documents: dict[str, Json],
        *,
        seed: int = 5,
        reading: bool = False,
    ) -> None:
        self._api = api
        self._client = client
        self._operations = [
            one for one in operations(documents) if one.method == "GET" or not reading
        ]
        self._dice = random.Random(seed)
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._nothing: dict[tuple[str, str, str], tuple[int, bytes]] = {}
        self.found = Walked()

    async def run(self, people: Sequence[Who], tries: int = TRIES) -> Walked:
        """Spread the tries evenly over callers and operations."""
        jobs = [
            (who, operation, name)
            for who in people
            for operation in self._operations
            for name in (*operation.parameters, *operation.queries)
            if who.foreign.get(name) or name in operation.parameters
        ]
        each = max(1, -(-tries // len(jobs)))
        async with asyncio.TaskGroup() as group:
            for who, operation, name in jobs:
                group.create_task(self._job(who, operation, name, each))
        return self.found

    async def _job(self, who: Who, operation: Operation, name: str, each: int) -> None:
        ids = who.foreign.get(name, [])
        if len(ids) < each:  # another kind of id is no less foreign
            ids = [*ids, *(value for values in who.foreign.values() for value in values)]
        if not ids:
            return
        for value in self._dice.sample(ids, min(each, len(ids))):
            async with self._slots:
                await self._try(who, operation, name, value)

    async def _try(self, who: Who, operation: Operation, name: str, value: str) -> None:
        answer = await self._ask(who, operation, name, value)
        self.found.tries += 1
        self.found.by_role[who.caller.role] += 1
        self.found.statuses[answer.status_code] += 1
        what = f"{who.caller.role} {operation.method} {operation.path} {name}={value}"
        if answer.status_code >= 500:
            self.found.wrong.append(f"{what}: {answer.status_code}")
        text = answer.content.decode("utf-8", "replace")
        carried = {*_UUID.findall(text), *_USCC.findall(text)} & who.marks - {value}
        if carried:
            self.found.leaks.append(f"{what}: {sorted(carried)[:3]}")
        if name in operation.parameters:
            key = (who.caller.name, operation.method, operation.path)
            if key not in self._nothing:
                nothing = await self._ask(who, operation, name, str(uuid4()))
                self._nothing[key] = (nothing.status_code, _TRACE.sub(b"", nothing.content))
            if (answer.status_code, _TRACE.sub(b"", answer.content)) != self._nothing[key]:
                self.found.wrong.append(
                    f"{what}: {answer.status_code} {text[:200]}, of nothing {self._nothing[key]}"
                )

    async def _ask(self, who: Who, operation: Operation, name: str, value: str) -> httpx2.Response:
        headers = await self._api.proof(who.caller)
        headers = headers | {"if-match": '"1"', "idempotency-key": str(uuid4())}
        content = None
        if operation.body is not None:
            headers["content-type"] = "application/json"
            content = msgspec.json.encode(operation.body)
        given = {name: value} if name in operation.queries else {}
        path = operation.at(value if name in operation.parameters else str(uuid4()))
        return await self._client.request(
            operation.method, path, headers=headers, params=given, content=content
        )


async def walk(platform: Embedded, world: World, tries: int = TRIES) -> tuple[Walked, Walked]:
    """Walk over a platform on which `world`'s campaign has run.

    Returns: what the walk found, and what a control finds: the province's regulator, who may see
    all, taken for someone to whom everything is foreign. A walk that could not see would miss it.
    """
    harvest = Harvest()
    await harvest.read(platform)
    async with Api(platform.url) as api, httpx2.AsyncClient(base_url=platform.url) as client:
        proof = await api.proof(world.regulator)  # the documents are for those signed in
        documents: dict[str, Json] = {}
        for name in SERVICES:
            answer = await client.get(f"/api/{name}/v1/openapi.json", headers=proof)
            documents[name] = answer.raise_for_status().json()
        people = [harvest.who(caller) for caller in await _people(api, world)]
        control = [harvest.who(world.regulator)]
        return (
            await Walk(api, client, documents).run(people, tries),
            await Walk(api, client, documents, reading=True).run(control, CONTROL_TRIES),
        )


async def _people(api: Api, world: World) -> list[Caller]:
    """Two of every role that does not see the whole province, signed in."""
    callers = [*world.callers.values(), *world.cores.values()]
    chosen: list[Caller] = []
    for role in ROLES:
        chosen += [caller for caller in callers if caller.role == role][:2]
    for caller in chosen:
        await api.proof(caller)
    return chosen
