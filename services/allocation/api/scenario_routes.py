"""The HTTP of what-ifs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.allocation.api.scenario_schemas import (
    MoveOut,
    MovePage,
    PolicyPrices,
    ScenarioIn,
    ScenarioOut,
    ScenarioPage,
    WhatIfOut,
)
from services.allocation.domain.scenarios import Changes
from services.allocation.usecases import scenarios
from services.allocation.usecases.scenarios import TryOut
from shared.platform.access import may
from shared.platform.web import Cursor, Limit, Run, decode_cursor, page_of

router = APIRouter(tags=["what-if"])
City = Annotated[str | None, Query(pattern=r"^\d{4}00$")]
Metres = Annotated[int | None, Query(ge=0, le=200_000)]
Band = Annotated[int | None, Query(ge=-1, le=10_000)]


@router.get("/campaigns/{campaign_id}/what-if", dependencies=[may("scenario", "read")])
async def get_what_if(
    campaign_id: UUID, run: Run, *, city_code: City = None, no_relation_m: Metres = None,
    same_type_m: Metres = None, stick_m: Metres = None, remote_m: Metres = None,
    band_step_m: Metres = None, total_bp: Band = None, hard_bp: Band = None, limit: Limit = 50,
) -> WhatIfOut:  # fmt: skip
    """What another policy would do to the plan in force: solved as sliders move, kept nowhere."""
    changes = Changes(no_relation_m, same_type_m, stick_m, remote_m, band_step_m, total_bp, hard_bp)
    command = TryOut(campaign_id, city_code, changes)
    return WhatIfOut.of(await scenarios.try_out(run.database, run.principal, command), limit)


@router.post(
    "/campaigns/{campaign_id}/scenarios",
    status_code=201,
    response_model=ScenarioOut,
    dependencies=[may("scenario", "create")],
)
async def post_scenario(campaign_id: UUID, body: ScenarioIn, run: Run) -> Response:
    """Try other weights, bands or capacities; compared with the plan in force, kept by name."""
    command = TryOut(campaign_id, body.city_code, body.changes.changes(), body.name)
    tried = await scenarios.try_out(run.database, run.principal, command)
    return await run(scenarios.keep, tried, answer=ScenarioOut.of, status=201)


@router.get("/campaigns/{campaign_id}/scenarios", dependencies=[may("scenario", "read")])
async def get_scenarios(campaign_id: UUID, run: Run) -> ScenarioPage:
    """A campaign's scenarios, newest first."""
    found = await run.read(scenarios.list_scenarios, campaign_id)
    return ScenarioPage(items=[ScenarioOut.of(one) for one in found])


@router.get("/scenarios/{scenario_id}", dependencies=[may("scenario", "read")])
async def get_scenario(scenario_id: UUID, run: Run) -> ScenarioOut:
    """One scenario."""
    return ScenarioOut.of(await run.read(scenarios.find_scenario, scenario_id))


@router.get("/scenarios/{scenario_id}/moves", dependencies=[may("scenario", "read")])
async def get_moves(
    scenario_id: UUID, run: Run, *, cursor: Cursor = None, limit: Limit = 100
) -> MovePage:
    """Whom a scenario would move, and from where to where."""
    found = await run.read(scenarios.list_moves, scenario_id)
    place = decode_cursor(cursor, int)
    start = place[0] if place else 0
    numbered = list(enumerate(found))[start : start + limit + 1]
    rows, following = page_of(numbered, limit, lambda row: (row[0] + 1,))
    return MovePage(items=[MoveOut.model_validate(one) for _, one in rows], next_cursor=following)


@router.get("/scenarios/{scenario_id}/policy-prices", dependencies=[may("scenario", "read")])
async def get_policy_prices(scenario_id: UUID, run: Run) -> PolicyPrices:
    """What each part of the policy costs: everything solved again without it."""
    return PolicyPrices.of(await scenarios.price_policies(run.database, run.principal, scenario_id))


@router.delete(
    "/scenarios/{scenario_id}", response_model=None, dependencies=[may("scenario", "delete")]
)
async def delete_scenario(scenario_id: UUID, run: Run) -> Response:
    """Forget a scenario."""
    return await run(scenarios.drop_scenario, scenario_id, answer=dict)
