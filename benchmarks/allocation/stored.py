"""A province in allocation's database, as its consumers would have left it, and a regulator's API.

Banks and list are made by the province generator; the copies are written by the service's own
store. From there on everything goes through the API: open, plan, check, publish.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from benchmarks.bed import Bed
from benchmarks.client import Connection
from benchmarks.province.generate import SIZES, generate
from benchmarks.province.model import Province
from services.allocation.store import copies
from shared.contracts.registry import (
    EnterpriseListed,
    InstitutionChanged,
    ListImported,
    OutletChanged,
)
from shared.kernel.ids import derived_id, new_id
from shared.platform.database import Database

VINTAGE = "2021-12-31"
ON = date(2021, 12, 31)
PREFIX = "/api/allocation/v1"


@dataclass
class StoredProvince:
    """A campaign's way from stored data to published plans, over HTTP."""

    bed: Bed
    port: int = 0
    campaign_id: str = ""
    enterprises: int = 0

    async def store(self, size: str, enterprises: int | None = None) -> None:
        """Write the copies of registry's facts."""
        chosen = SIZES[size]
        if enterprises is not None and enterprises != chosen.enterprises:
            SIZES["cut"] = replace(chosen, enterprises=enterprises)
            size = "cut"
        province = generate(size, 7)
        self.enterprises = len(province.enterprises)
        database = Database(self.bed.url("allocation"))
        async with database.transaction() as tx:
            await copies.save_institutions(_institutions(province), tx)
            await copies.save_outlets(_outlets(province), tx)
            await copies.save_listed(_listed(province), tx)
            await copies.save_imports([_imported(self.enterprises)], tx)
        await database.close()

    async def open(self, **fields: Any) -> None:
        """Start the API and open a campaign; the worker has to run for it to go on.

        `tiers` are those of a profile of its own; other fields are the campaign's.
        """
        self.port = self.bed.serve("allocation")
        self._tokens = [self.bed.token("province_regulator") for _ in range(2)]
        await self.bed.know("allocation")
        body = {
            "profile": "jiangsu-2022",
            "name": "测算",
            "list_vintage": VINTAGE,
            "opens_on": "2022-04-01",
        }
        if tiers := fields.pop("tiers", None):
            usual = await self.ask("GET", "/profiles/jiangsu-2022")
            document = usual["document"] | {"code": "own-tree", "version": 1, "tiers": tiers}
            await self.post("/profiles", {"document": document})
            fields["profile"] = "own-tree"
        opened = await self.post("/campaigns", body | fields)
        self.campaign_id = opened["campaign_id"]
        await self.until(f"/campaigns/{self.campaign_id}", "open")

    async def solve(self, tier: int, form: str = "kernel") -> dict[str, Any]:
        """A draft."""
        body = {"tier": tier, "seed": 7, "form": form}
        started = await self.post(f"/campaigns/{self.campaign_id}/plans", body)
        return await self.until(f"/plans/{started['plan_id']}", "draft")

    async def check(self, plan_id: str) -> None:
        """The second pair of eyes."""
        await self.post(f"/plans/{plan_id}/check", {}, by=1)

    async def publish(self, plan_id: str) -> dict[str, Any]:
        """Check and publish."""
        await self.check(plan_id)
        await self.post(f"/plans/{plan_id}/publication", {})
        return await self.until(f"/plans/{plan_id}", "published")

    async def until(self, path: str, state: str, seconds: float = 900) -> dict[str, Any]:
        """Wait until a resource is in a state."""
        async with asyncio.timeout(seconds):
            while (found := await self.ask("GET", path))["state"] != state:
                if found["state"] == "failed":
                    raise ArithmeticError(found["failure"])
                await asyncio.sleep(0.05)
        return found

    async def post(self, path: str, body: dict[str, Any], by: int = 0) -> dict[str, Any]:
        """POST as one of the two regulators."""
        return await self.ask("POST", path, body, by=by)

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, by: int = 0
    ) -> dict[str, Any]:
        """One call; anything but success is an error."""
        connection = Connection(self.port)
        await connection.open()
        headers = {
            "authorization": f"Bearer {self._tokens[by]}",
            "content-type": "application/json",
            "idempotency-key": str(uuid4()),
        }
        raw = b"" if body is None else json.dumps(body).encode()
        status, answer = await connection.ask(method, PREFIX + path, headers, raw)
        await connection.close()
        if status >= 300:
            raise ArithmeticError(f"{method} {path}: {status} {answer.decode()}")
        return json.loads(answer)


def _institution(code: str) -> UUID:
    return derived_id("institution", code)


def _institutions(province: Province) -> list[InstitutionChanged]:
    return [
        InstitutionChanged(
            institution_id=_institution(one.code),
            institution_code=one.code,
            name=one.name,
            institution_type=one.institution_type,  # pyright: ignore[reportArgumentType]
            active=True,
            valid_from=ON,
        )
        for one in province.institutions
    ]


def _outlets(province: Province) -> list[OutletChanged]:
    return [
        OutletChanged(
            outlet_id=derived_id("outlet", one.code),
            institution_id=_institution(one.institution_code),
            name=one.name,
            region_code=one.region_code,
            longitude_e6=round(one.lon * 1e6),
            latitude_e6=round(one.lat * 1e6),
            precision="point",
            relationship_managers=one.managers,
            service_capacity=one.capacity or None,
            active=True,
            valid_from=ON,
        )
        for one in province.outlets
    ]


def _listed(province: Province) -> list[EnterpriseListed]:
    return [
        EnterpriseListed(
            enterprise_id=derived_id("enterprise", one.uscc),
            uscc=one.uscc,
            list_vintage=VINTAGE,
            region_code=one.region_code,
            longitude_e6=round(one.lon * 1e6),
            latitude_e6=round(one.lat * 1e6),
            precision="point",
            industry_code=one.industry_code,
            has_loan=one.has_loan,
            lender_ids=tuple(
                _institution(code) for code in province.truth.lenders.get(one.uscc, ())
            ),
            listed_on=ON,
        )
        for one in province.enterprises
    ]


def _imported(taken: int) -> ListImported:
    return ListImported(
        import_id=new_id(),
        list_vintage=VINTAGE,
        rows=taken,
        taken=taken,
        refused=0,
        doubtful=0,
        imported_on=ON,
    )
