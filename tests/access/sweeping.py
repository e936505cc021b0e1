"""What each role may have: every list to its last page, every object of its own, every file.

The walk (tenants.py) asks for what is another's. Here everyone asks for all that is theirs, and
nothing of anyone else may come along: not in a list, a count's label, a workbook or a column file.
"""

import asyncio
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import cramjam
import httpx2

from benchmarks.campaign.api import Api
from benchmarks.campaign.world import VINTAGE, World
from shared.kernel import permissions
from tests.access.harvest import Who
from tests.access.planting import MARK
from tests.access.tenants import NAMED, Operation

Json = dict[str, Any]
_WORD = re.compile(rf"{MARK}[0-9A-F]{{12}}")
PAGES, OWN_IDS, IN_FLIGHT = 30, 3, 8
FORMATS = ("csv", "xlsx", "parquet")
_SWEPT = {code for code, role in permissions.roles().items() if role.reach != "province"}
_STAFF = {"bureau", "st_bureau", "bank_head", "branch_head", "relationship_manager", "bank_core"}
#: What a campaign leaves nothing of to some roles, though they may ask for it.
MISSED: dict[str, set[str]] = {
    # Off where neither an issuer nor an official account is set.
    "GET /api/identity/v1/oidc/start": _SWEPT,
    "GET /api/identity/v1/oidc/callback": _SWEPT,
    "GET /api/identity/v1/wechat/start": _SWEPT,
    "GET /api/identity/v1/wechat/callback": _SWEPT,
    "GET /api/identity/v1/wechat/page-signature": _SWEPT,
    # A machine has no session.
    "GET /api/identity/v1/session": {"bank_core"},
    # What takes long was begun by the province; in the registry by bureaus and head offices, too.
    "GET /api/identity/v1/jobs/{job_id}": _STAFF,
    "GET /api/allocation/v1/jobs/{job_id}": _STAFF,
    "GET /api/visits/v1/jobs/{job_id}": _STAFF,
    "GET /api/credit/v1/jobs/{job_id}": _STAFF,
    "GET /api/reporting/v1/jobs/{job_id}": _STAFF,
    "GET /api/registry/v1/jobs/{job_id}": _STAFF - {"bureau", "bank_head"},
    # They asked for no second person and opened nobody's data.
    "GET /api/identity/v1/approvals/{approval_id}": {"bureau", "branch_head"},
    "GET /api/registry/v1/reveals/{reveal_id}": {"branch_head"},
    # All that is held on an enterprise is for that one alone.
    "GET /api/registry/v1/reveals/{reveal_id}/holdings": {
        "bureau", "branch_head", "relationship_manager",
    },
}  # fmt: skip


@dataclass(slots=True)
class Swept:
    """What was looked through, and what was found there that is another's."""

    answers: int = 0
    size: int = 0
    by_role: Counter[str] = field(default_factory=Counter[str])
    files: Counter[str] = field(default_factory=Counter[str])
    leaks: list[str] = field(default_factory=list[str])
    #: Role and operation: what a role may ask for, and what it was given (200).
    granted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    given: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    #: Lists whose end was not reached.
    cut_off: list[str] = field(default_factory=list[str])
    #: Planted words that somebody who may met: what is looked for can be seen.
    met: set[str] = field(default_factory=set[str])

    def missed(self) -> dict[str, set[str]]:
        """Operations that never gave a role anything though it may ask: what is there was not seen."""
        found: dict[str, set[str]] = {}
        for role, operation in self.granted - self.given:
            found.setdefault(operation, set()).add(role)
        return found

    def told(self) -> str:
        """The figures in some lines."""
        return (
            f"own answers and pages {self.answers} of {self.size / 1e6:.1f} MB,"
            f" files {dict(self.files)}, leaks {len(self.leaks)}, words met by those who may"
            f" {len(self.met)}\nby role {dict(self.by_role)}\ngiven {len(self.given)} of"
            f" {len(self.granted)} operations by role, lists cut off {len(self.cut_off)}"
        )


class Sweep:
    """Asks for all that a caller may see."""

    def __init__(
        self, api: Api, client: httpx2.AsyncClient, world: World, operations: Sequence[Operation]
    ) -> None:
        self._api = api
        self._client = client
        self._campaign = world.campaign_id
        self._operations = [one for one in operations if one.method == "GET"]
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self.found = Swept()

    async def run(self, people: Sequence[Who]) -> Swept:
        """Everyone, everything; then the files that some may have made."""
        async with asyncio.TaskGroup() as group:
            for who in people:
                for operation in self._operations:
                    if who.caller.role in operation.granted:
                        group.create_task(self._all_of(who, operation))
        for who in people:
            if who.caller.role == "bureau":
                await self._exports(who)
            if who.caller.role == "enterprise":
                await self._holdings(who)
        return self.found

    async def _all_of(self, who: Who, operation: Operation) -> None:
        what = who.caller.role, f"{operation.method} {operation.path}"
        self.found.granted.add(what)
        for path in self._addresses(who, operation):
            cursor: str | None = None
            for _ in range(PAGES):
                more = {"cursor": cursor} if cursor else {}
                answer = await self._ask(who, "GET", path, self._asked(who, operation) | more)
                self._look(who, f"{operation.method} {path}", answer)
                if answer.status_code == 200:
                    self.found.given.add(what)
                cursor = _following(answer)
                if not cursor:
                    break
            else:
                self.found.cut_off.append(f"{who.caller.role} {path}")

    def _addresses(self, who: Who, operation: Operation) -> list[str]:
        """The operation's path, once for each of some own ids."""
        paths = [operation.path]
        for name in operation.parameters:
            values = [NAMED[name]] if name in NAMED else who.own.get(name, [])[:OWN_IDS]
            values = [self._campaign] if name == "campaign_id" else values
            paths = [path.replace(f"{{{name}}}", value) for path in paths for value in values]
        return paths

    def _asked(self, who: Who, operation: Operation) -> dict[str, str]:
        page = {"limit": "100"} if "limit" in operation.asked else {}
        given = dict.fromkeys(operation.needed & {"campaign_id"}, self._campaign)
        against = {name: NAMED[name] for name in operation.asked if name == "against"}
        return operation.asks(who) | given | page | against

    async def _ask(
        self, who: Who, method: str, path: str, params: dict[str, str], body: Json | None = None
    ) -> httpx2.Response:
        proof = await self._api.proof(who.caller)
        headers = proof | {"idempotency-key": str(uuid4())}
        async with self._slots:
            return await self._client.request(
                method, path, params=params, headers=headers, json=body
            )

    def _look(self, who: Who, what: str, answer: httpx2.Response) -> None:
        assert answer.status_code < 500, (what, answer.text[:300])
        self.found.answers += 1
        self.found.size += len(answer.content)
        self.found.by_role[who.caller.role] += 1
        text = text_of(answer.content)
        self.found.met |= set(_WORD.findall(text))
        if carried := who.carried(text):
            self.found.leaks.append(f"{who.caller.role} {what}: {carried[:3]}")

    # -- files

    async def _exports(self, who: Who) -> None:
        places = (
            "/api/registry/v1/search/exports",
            f"/api/registry/v1/list-vintages/{VINTAGE}/differences/exports?against={VINTAGE}",
            "/api/registry/v1/map-editions/1/exports",
        )
        for place in places:
            for kind in FORMATS:
                body = {"format": kind, "purpose": "核对本市名单"}
                begun = await self._ask(who, "POST", place, {}, body)
                if begun.status_code == 202:
                    await self._file(who, begun.json()["export_id"], kind)

    async def _file(self, who: Who, export_id: str, kind: str) -> None:
        place = f"/api/registry/v1/exports/{export_id}"
        for _ in range(300):
            if (await self._ask(who, "GET", place, {})).json()["rows"] is not None:
                break
            await asyncio.sleep(0.1)
        answer = await self._ask(who, "GET", f"{place}/file", {})
        assert answer.status_code == 200, answer.text[:300]
        self.found.files[kind] += 1
        self._look(who, f"{kind} of {export_id}", answer)

    async def _holdings(self, who: Who) -> None:
        """All that is held on an enterprise, as it asks for it itself."""
        own = who.caller.account["enterprise_id"]
        body = {"purpose": "subject_request", "reason": "查阅本企业信息"}
        place = f"/api/registry/v1/enterprises/{own}/reveals"
        made = (await self._ask(who, "POST", place, {}, body)).json()
        for kind in ("json", "xlsx"):
            place = f"/api/registry/v1/reveals/{made['reveal_id']}/holdings"
            answer = await self._ask(who, "GET", place, {"format": kind})
            assert answer.status_code == 200, answer.text[:300]
            self.found.files[f"holdings {kind}"] += 1
            self._look(who, place, answer)


def _following(answer: httpx2.Response) -> str | None:
    if answer.status_code != 200 or "json" not in answer.headers.get("content-type", ""):
        return None
    body = answer.json()
    return body.get("next_cursor") if isinstance(body, dict) else None


def text_of(raw: bytes) -> str:
    """All text in an answer or a file: workbooks are unpacked, column files uncompressed."""
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as book:
            raw = b"\n".join(book.read(name) for name in book.namelist())
    elif raw[:4] == b"PAR1":
        raw = b"\n".join(_pages(raw))
    return raw.decode("utf-8", "replace")


def _pages(raw: bytes) -> Iterator[bytes]:
    """The uncompressed pages of a Parquet file with version 1 data pages compressed by Snappy."""
    number = rb"[\x80-\xff]*[\x00-\x7f]"
    head = rb"\x15\x00\x15(%b)\x15(%b)\x2c(?:\x15%b){4}\x00\x00" % ((number,) * 3)
    at = 4
    while found := re.compile(head, re.DOTALL).match(raw, at):
        size = _number(found[2])
        yield bytes(cramjam.snappy.decompress_raw(raw[found.end() : found.end() + size]))
        at = found.end() + size
    assert at > 4, "no page was read"


def _number(raw: bytes) -> int:
    value = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw))
    return value >> 1  # zigzag, of a number that is never negative
