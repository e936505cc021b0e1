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

import httpx2
import msgspec

from benchmarks.campaign.api import Api
from benchmarks.campaign.world import VINTAGE
from tests.access.bodies import body_of, ids_in, kind_of, with_ids
from tests.access.harvest import Who
from tests.access.operations import served

Json = dict[str, Any]
TRIES = 15_000
IN_FLIGHT = 8
_TRACE = re.compile(rb'"trace_id":"[^"]*"')
_PARAM = re.compile(r"\{(\w+)\}")
#: What stands in an address where no id does.
NAMED = {
    "list_vintage": VINTAGE, "edition": "1", "year": "2022", "code": "jiangsu-2022", "row": "1",
    "quarter": "2022Q3", "metric": "visited", "against": VINTAGE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service; `bodies` has one to each place at which its body names an id."""

    service: str
    method: str
    path: str
    parameters: tuple[str, ...]
    queries: tuple[str, ...]
    body: Any
    bodies: dict[str, Any]
    asked: tuple[str, ...]
    needed: frozenset[str]
    granted: frozenset[str]

    def at(self, who: Who, name: str, value: str) -> str:
        """Its path with an id in one place; in all others what is the caller's own, if it has any."""

        def put(found: re.Match[str]) -> str:
            own = who.others_own(found[1])
            return NAMED.get(found[1]) or (own[0] if own and found[1] != name else value)

        return _PARAM.sub(put, self.path)


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


def operations(documents: dict[str, Json]) -> Iterator[Operation]:
    """Every operation of every service."""
    for service, document in documents.items():
        roles = {(one.method, one.path): one.granted for one in served(service)}
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                given = [p for p in operation.get("parameters", ()) if p["in"] == "query"]
                queries = tuple(p["name"] for p in given)
                yield Operation(
                    service,
                    method.upper(),
                    path,
                    tuple(_PARAM.findall(path)),
                    tuple(q for q in queries if q.endswith("_id")),
                    body_of(operation, document),
                    {at: body_of(operation, document, at) for at in ids_in(operation, document)},
                    queries,
                    frozenset(p["name"] for p in given if p.get("required")),
                    roles[method.upper(), path],
                )


class Walk:
    """Tries every operation as every caller with foreign ids, and compares with ids of nothing."""

    def __init__(
        self,
        api: Api,
        client: httpx2.AsyncClient,
        asked: Sequence[Operation],
        *,
        seed: int = 5,
        reading: bool = False,
    ) -> None:
        self._api = api
        self._client = client
        self._operations = [one for one in asked if one.method == "GET" or not reading]
        self._dice = random.Random(seed)
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._nothing: dict[tuple[str, str, str, str], tuple[int, bytes]] = {}
        self.found = Walked()

    async def run(self, people: Sequence[Who], tries: int = TRIES) -> Walked:
        """Spread the tries evenly over callers and operations."""
        jobs = [
            (who, operation, name)
            for who in people
            for operation in self._operations
            for name in (*operation.parameters, *operation.queries, *operation.bodies)
            if who.foreign.get(name) or name not in operation.queries
            if who.everywhere or who.caller.role not in operation.granted
        ]
        each = max(1, -(-tries // len(jobs)))
        async with asyncio.TaskGroup() as group:
            for who, operation, name in jobs:
                group.create_task(self._job(who, operation, name, each))
        return self.found

    async def _job(self, who: Who, operation: Operation, name: str, each: int) -> None:
        ids = who.foreign.get(kind_of(name), [])
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
        if carried := who.carried(text, value):
            self.found.leaks.append(f"{what}: {carried[:3]}")
        if name in operation.queries:
            return  # a filter by what is not there: nothing may come, and nothing is compared
        key = (who.caller.name, operation.method, operation.path, name)
        if key not in self._nothing:
            other = str(uuid4())
            nothing = await self._ask(who, operation, name, other)
            self._nothing[key] = _told(nothing, other)
        if _told(answer, value) != self._nothing[key]:
            self.found.wrong.append(
                f"{what}: {answer.status_code} {text[:200]}, of nothing {self._nothing[key]}"
            )

    async def _ask(self, who: Who, operation: Operation, name: str, value: str) -> httpx2.Response:
        headers = await self._api.proof(who.caller)
        headers = headers | {"if-match": '"1"', "idempotency-key": str(uuid4())}
        content = None
        if operation.body is not None:
            headers["content-type"] = "application/json"
            body = operation.bodies.get(name, operation.body)
            content = msgspec.json.encode(with_ids(body, value, who.own))
        given = {name: value} if name in operation.queries else {}
        path = operation.at(who, name, value)
        return await self._client.request(
            operation.method, path, headers=headers, params=given, content=content
        )


def _told(answer: httpx2.Response, value: str) -> tuple[int, bytes]:
    """An answer without what differs between two questions: the trace, and the id asked for."""
    plain = _TRACE.sub(b"", answer.content).replace(value.encode(), b"<id>")
    return answer.status_code, plain
