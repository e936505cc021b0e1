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
from tests.visits.scenario import a_jpeg

Json = dict[str, Any]
TRIES = 15_000
IN_FLIGHT = 8
_TRACE = re.compile(rb'"trace_id":"[^"]*"')
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PARAM = re.compile(r"\{(\w+)\}")
#: What stands in an address where no id does.
NAMED = {
    "list_vintage": VINTAGE, "edition": "1", "year": "2022", "code": "jiangsu-2022", "row": "1",
    "quarter": "2022Q3", "metric": "visited", "against": VINTAGE, "standard": "tech_sme",
}  # fmt: skip
#: Places at which a foreign id is answered otherwise than one of nothing, and why that is so; what
#: the answer carries is looked at all the same.
_CLIENTS = "the client makes the id, at random; that one is taken is all that is said"
TOLD_APART = {
    "POST /api/allocation/v1/campaigns/{campaign_id}/scenarios $.changes.capacities[].institution_id": "a bureau tries what the banks of its city could take on (A5)",
    "POST /api/allocation/v1/claims $.enterprise_id": "a bank may take on any enterprise (JS-21)",
    "POST /api/credit/v1/applications $.enterprise_id": "a bank may lend to anyone on the list",
    "POST /api/visits/v1/visits $.visit_id": _CLIENTS,
    "POST /api/credit/v1/applications $.application_id": _CLIENTS,
    "PUT /api/visits/v1/photos/{photo_id} photo_id": _CLIENTS,
}


#: Places where the answer about the id is itself that the call is wrong.
BLIND = {"POST /api/credit/v1/applications $.outlet_id": {"422 outlet.unknown"}}
#: What everyone reads who may read of it at all: the directory, in which persons are masked.
_READ_BY_ALL = {"/api/registry/v1/parties/{party_id}/history"}
_VAULTS = ("party_id", "enterprise_id")


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

    def asks(self, who: Who) -> dict[str, str]:
        """What a query has to have: the caller's own where it is an id."""
        known = NAMED | {name: own[0] for name, own in who.own.items() if own}
        return {name: known[name] for name in sorted(self.needed) if name in known}


@dataclass(slots=True)
class Walked:
    """What the walk found."""

    tries: int = 0
    by_role: Counter[str] = field(default_factory=Counter[str])
    #: By operation as the document has it, and by role.
    statuses: Counter[tuple[str, str, int]] = field(default_factory=Counter[tuple[str, str, int]])
    #: By operation and the place of the id: the answers to those who may do it at all.
    places: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    #: Places of `TOLD_APART` at which that was seen.
    told_apart: set[str] = field(default_factory=set[str])
    wrong: list[str] = field(default_factory=list[str])
    leaks: list[str] = field(default_factory=list[str])

    def told(self) -> str:
        """The figures in some lines."""
        by_status = Counter[int]()
        for (_, _, status), count in self.statuses.items():
            by_status[status] += count
        return (
            f"foreign-object tries {self.tries}, wrong {len(self.wrong)}, leaks {len(self.leaks)}\n"
            f"by role {dict(self.by_role)}\nby status {dict(sorted(by_status.items()))}"
        )

    def blind(self) -> dict[str, set[str]]:
        """Places where all that was said is that the call was wrong: perhaps no id was looked at."""
        return {
            place: codes
            for place, codes in self.places.items()
            if all(code.startswith(("400", "422")) for code in codes)
        }

    def answers(self, operation: str, role: str) -> set[int]:
        """The statuses with which all tries of an operation by a role were answered."""
        return {s for (what, who, s) in self.statuses if (what, who) == (operation, role)}


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
            if name not in NAMED and (who.foreign.get(name) or name not in operation.queries)
            if who.caller.role not in operation.granted
            or (who.everywhere and operation.path not in _READ_BY_ALL)
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
        # A person of the directory has a vault as an enterprise has: it is tried wherever one is.
        persons = who.foreign.get("party_id", []) if kind_of(name) in _VAULTS else []
        for value in [*persons, *self._dice.sample(ids, min(each, len(ids)))]:
            async with self._slots:
                await self._try(who, operation, name, value)

    async def _try(self, who: Who, operation: Operation, name: str, value: str) -> None:
        answer = await self._ask(who, operation, name, value)
        self.found.tries += 1
        self.found.by_role[who.caller.role] += 1
        done = f"{operation.method} {operation.path}"
        self.found.statuses[done, who.caller.role, answer.status_code] += 1
        if answer.status_code != 403:
            said = f"{answer.status_code} {_code_of(answer)}"
            self.found.places.setdefault(f"{done} {name}", set()).add(said)
        what = f"{who.caller.role} {done} {name}={value}"
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
            self._nothing[key] = _told(nothing)
        if _told(answer) == self._nothing[key]:
            return
        if f"{done} {name}" in TOLD_APART:
            self.found.told_apart.add(f"{done} {name}")
        else:
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
        elif operation.path.endswith("/photos/{photo_id}"):  # bytes, of which no document tells
            content = a_jpeg()
        given = {name: value} if name in operation.queries else {}
        given = operation.asks(who) | given
        path = operation.at(who, name, value)
        return await self._client.request(
            operation.method, path, headers=headers, params=given, content=content
        )


def _told(answer: httpx2.Response) -> tuple[int, bytes]:
    """An answer without what differs between two questions: the trace, and ids.

    The id asked for, and those of what was made; a foreign one among them is found as a mark.
    """
    return answer.status_code, _ID.sub(b"<id>", _TRACE.sub(b"", answer.content))


def _code_of(answer: httpx2.Response) -> str:
    """The code of a problem, empty where it is none."""
    if "problem+json" not in answer.headers.get("content-type", ""):
        return ""
    return answer.json()["code"]
