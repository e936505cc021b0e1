"""How long a right outlives its end: measured on a running platform, from the deed to the refusal."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg
import httpx2

from benchmarks.campaign.api import Api, Caller
from benchmarks.campaign.world import World
from services.embedded import Embedded
from shared.contracts.allocation import EnterpriseUnassigned
from shared.platform.database import Database

BOUND_SECONDS = 10.0
PATIENCE = 3
_SERVICE_PATHS = {
    "identity": "/api/identity/v1/me",
    "allocation": "/api/allocation/v1/campaigns",
    "visits": "/api/visits/v1/visits",
    "credit": "/api/credit/v1/loans",
}


@dataclass(frozen=True, slots=True)
class Cut:
    """Seconds from the deed until the right was gone, by what was cut."""

    session: dict[str, float]
    machine: dict[str, float]
    rotation: list[float]

    def told(self) -> str:
        """The figures in a line each."""
        return "\n".join(
            f"{name}: " + ", ".join(f"{key} {value * 1000:.0f} ms" for key, value in found)
            for name, found in (
                ("person disabled, refused by", self.session.items()),
                ("machine disabled, refused by", self.machine.items()),
                ("enterprise taken away, not found by the old bank", enumerate(self.rotation, 1)),
            )
        )

    @property
    def slowest(self) -> float:
        """The longest of all."""
        return max(*self.session.values(), *self.machine.values(), *self.rotation)


async def measure(platform: Embedded, world: World) -> Cut:
    """Disable a manager and a machine, take enterprises from their bank; watch when it bites."""
    async with Api(platform.url) as api, httpx2.AsyncClient(base_url=platform.url) as client:
        manager = next(c for c in world.callers.values() if c.role == "relationship_manager")
        core = next(iter(world.cores.values()))
        session = await _disabled(api, client, world, manager)
        machine = await _disabled(api, client, world, core)
        rotation = [await _unassigned(platform, api, client, world, n) for n in range(PATIENCE)]
        return Cut(session, machine, rotation)


async def _disabled(
    api: Api, client: httpx2.AsyncClient, world: World, caller: Caller
) -> dict[str, float]:
    proof = await api.proof(caller)
    for path in _SERVICE_PATHS.values():
        assert (await client.get(path, headers=proof)).status_code == 200, path
    account_id = caller.account["account_id"]
    await api.post(world.admin, f"/identity/v1/accounts/{account_id}/disable", {})
    began, found = time.monotonic(), dict[str, float]()
    for name, path in _SERVICE_PATHS.items():

        async def gone(path: str = path) -> bool:
            return (await client.get(path, headers=proof)).status_code == 401

        found[name] = await _until(gone, began)
    return found


async def _unassigned(
    platform: Embedded, api: Api, client: httpx2.AsyncClient, world: World, number: int
) -> float:
    """What a rotation says of one enterprise, said by allocation; from its commit to the 404."""
    held = await _one_held(platform, number)
    bank = next(
        c
        for c in world.callers.values()
        if c.role == "bank_head" and c.account.get("institution_id") == str(held["institution_id"])
    )
    proof = await api.proof(bank)
    path = f"/api/registry/v1/enterprises/{held['enterprise_id']}"
    assert (await client.get(path, headers=proof)).status_code == 200
    database = Database(platform.environment["ALLOCATION_DATABASE_URL"], pool_size=1)
    try:
        async with database.transaction() as tx:
            tx.emit(_taken_away(held, world))
    finally:
        await database.close()
    began = time.monotonic()

    async def gone() -> bool:
        return (await client.get(path, headers=proof)).status_code == 404

    return await _until(gone, began)


def _taken_away(held: asyncpg.Record, world: World) -> EnterpriseUnassigned:
    return EnterpriseUnassigned(
        assignment_id=held["assignment_id"],
        enterprise_id=held["enterprise_id"],
        campaign_id=UUID(world.campaign_id),
        tier=2,
        institution_id=held["institution_id"],
        reason="rotated",
        unassigned_on=date(2023, 1, 5),
    )


async def _one_held(platform: Embedded, number: int) -> asyncpg.Record:
    """An enterprise that exactly one bank may see."""
    connection = await asyncpg.connect(platform.postgres.server.url("postgres", "registry"))
    try:
        row = await connection.fetchrow(
            "select a.* from access a where not exists (select from access b"
            " where b.enterprise_id = a.enterprise_id and b.assignment_id <> a.assignment_id)"
            " order by a.assignment_id offset $1 limit 1",
            number,
        )
    finally:
        await connection.close()
    assert row is not None
    return row


async def _until(gone: Callable[[], Awaitable[bool]], began: float) -> float:
    while not await gone():
        assert time.monotonic() - began < BOUND_SECONDS, "still open"
    return time.monotonic() - began
