"""The HTTP of allocation: parse, run one use case, answer."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response

from services.allocation.api import lifecycle_routes, profile_routes, scenario_routes
from services.allocation.api.pages import one_id
from services.allocation.api.plan_schemas import (
    PlanIn,
    PlanOut,
    PlanPage,
    PlanRowOut,
    PlanRowPage,
    PlanViewOut,
    ReplayOut,
    RotationIn,
    StartedOut,
)
from services.allocation.api.schemas import (
    AssignmentDetailOut,
    AssignmentOut,
    AssignmentPage,
    CampaignIn,
    CampaignOut,
    CampaignPage,
    ClosureIn,
    ContactsIn,
    ContactsOut,
    EnrolmentOut,
    OverdueOut,
    OverduePage,
    ProgressOut,
)
from services.allocation.store import assignments, campaigns, inputs
from services.allocation.usecases import reading
from services.allocation.usecases.campaigns import (
    EnrolLate,
    OpenCampaign,
    enrol_late,
    open_campaign,
)
from services.allocation.usecases.closing import CloseCampaign, close_campaign
from services.allocation.usecases.contacts import (
    NameContacts,
    find_assignment,
    name_contacts,
    overdue,
    progress_of,
)
from services.allocation.usecases.finding import find_campaign
from services.allocation.usecases.planning import MakePlan, Rotate, make_plan, rotate
from services.allocation.usecases.publishing import Check, Publish, check_plan, publish
from shared.platform.access import may
from shared.platform.approvals import Approval
from shared.platform.web import Cursor, Limit, Run, page_of

router = APIRouter(tags=["allocation"])
for part in (profile_routes, scenario_routes, lifecycle_routes):
    router.include_router(part.router)


@router.post(
    "/campaigns",
    status_code=202,
    response_model=CampaignOut,
    dependencies=[may("campaign", "create")],
)
async def post_campaign(body: CampaignIn, run: Run) -> Response:
    """Open a campaign on a list; the enterprises are then enrolled by a job."""
    command = OpenCampaign(
        body.profile, body.name, body.list_vintage.isoformat(), body.opens_on, body.institution_id
    )
    return await run(open_campaign, command, answer=CampaignOut.of, status=202)


@router.get("/campaigns", dependencies=[may("campaign", "read")])
async def get_campaigns(run: Run) -> CampaignPage:
    """All campaigns, newest first."""
    found = await run.read(campaigns.all_of_them)
    return CampaignPage(items=[CampaignOut.of(one) for one in found])


@router.get("/campaigns/{campaign_id}", dependencies=[may("campaign", "read")])
async def get_campaign(campaign_id: UUID, run: Run) -> CampaignOut:
    """One campaign."""
    return CampaignOut.of(await run.read(find_campaign, campaign_id))


@router.post(
    "/campaigns/{campaign_id}/closure",
    response_model=CampaignOut,
    dependencies=[may("campaign", "close")],
)
async def post_closure(
    campaign_id: UUID, body: ClosureIn, run: Run, approval: Approval
) -> Response:
    """End a campaign for good; what was done until today stays.

    Another regulator agrees first (identity's `/approvals`, action `campaign.close`, subject the
    campaign's id, payload this body); the approval's id comes along in `X-Approval`.
    """
    command = CloseCampaign(campaign_id, body.reason, approval)
    return await run(close_campaign, command, answer=CampaignOut.of)


@router.post(
    "/campaigns/{campaign_id}/plans",
    status_code=202,
    response_model=StartedOut,
    dependencies=[may("plan", "create")],
)
async def post_plan(campaign_id: UUID, body: PlanIn, run: Run) -> Response:
    """Share the campaign's list out at a tier; a job solves the plan and leaves a draft."""
    command = MakePlan(campaign_id, body.tier, body.seed, body.form)
    return await run(make_plan, command, answer=StartedOut.of, status=202)


@router.post(
    "/campaigns/{campaign_id}/rotations",
    status_code=202,
    response_model=StartedOut,
    dependencies=[may("plan", "create")],
)
async def post_rotation(campaign_id: UUID, body: RotationIn, run: Run) -> Response:
    """Give unmatched enterprises to another institution; a job leaves a draft to publish."""
    command = Rotate(campaign_id, body.rotated_on, body.seed)
    return await run(rotate, command, answer=StartedOut.of, status=202)


@router.get("/plans", dependencies=[may("plan", "read")])
async def get_plans(campaign_id: UUID, run: Run) -> PlanPage:
    """A campaign's plans, newest first."""
    found = await run.read(reading.list_plans, campaign_id)
    return PlanPage(items=[PlanOut.of(one) for one in found])


@router.get("/plans/{plan_id}", dependencies=[may("plan", "read")])
async def get_plan(plan_id: UUID, run: Run) -> PlanViewOut:
    """A plan with its load report, and why some have no place."""
    return PlanViewOut.seen(await run.read(reading.view_plan, plan_id))


@router.get("/plans/{plan_id}/assignments", dependencies=[may("plan", "read")])
async def get_plan_rows(
    plan_id: UUID,
    run: Run,
    *,
    institution_id: UUID | None = None,
    region: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PlanRowPage:
    """Where the plan sends each enterprise, and why."""
    found = await run.read(
        reading.list_rows,
        plan_id,
        institution_id=institution_id,
        region=region,
        after=one_id(cursor),
        limit=limit,
    )
    rows, following = page_of(found, limit, lambda row: (row.enterprise_id,))
    names = await run.read(inputs.names)
    return PlanRowPage(items=[PlanRowOut.of(row, names) for row in rows], next_cursor=following)


@router.get("/plans/{plan_id}/assignments/{enterprise_id}", dependencies=[may("plan", "read")])
async def get_plan_row(plan_id: UUID, enterprise_id: UUID, run: Run) -> PlanRowOut:
    """Where the plan sends one enterprise, and why."""
    row = await run.read(reading.find_row, plan_id, enterprise_id)
    return PlanRowOut.of(row, await run.read(inputs.names))


@router.get("/plans/{plan_id}/replay", dependencies=[may("plan", "verify")])
async def get_replay(
    plan_id: UUID, city_code: str, run: Run, *, institution_id: UUID | None = None
) -> ReplayOut:
    """Solve a city, or a bank's part, again from the stored inputs and compare who got whom."""
    asked = (plan_id, city_code, institution_id)
    return ReplayOut.of(await reading.replay(run.database, run.principal, *asked))


@router.get(
    "/plans/{plan_id}/export", response_class=Response, dependencies=[may("plan", "export")]
)
async def get_export(plan_id: UUID, run: Run) -> Response:
    """The plan as a file that anybody can check without the platform (docs/plan-file.md)."""
    body = await reading.export(run.database, run.principal, plan_id)
    name = f'attachment; filename="plan-{plan_id}.json.gz"'
    return Response(body, media_type="application/gzip", headers={"content-disposition": name})


@router.post(
    "/plans/{plan_id}/publication",
    status_code=202,
    response_model=StartedOut,
    dependencies=[may("plan", "approve")],
)
async def post_publication(plan_id: UUID, run: Run) -> Response:
    """Make a draft binding; a job announces every enterprise that begins or moves."""
    return await run(publish, Publish(plan_id), answer=StartedOut.of, status=202)


@router.post(
    "/plans/{plan_id}/check", response_model=PlanOut, dependencies=[may("plan", "approve")]
)
async def post_check(plan_id: UUID, run: Run) -> Response:
    """A second person has looked at a draft: it may be published."""
    return await run(check_plan, Check(plan_id), answer=PlanOut.of)


@router.post(
    "/campaigns/{campaign_id}/enrolments",
    status_code=202,
    response_model=EnrolmentOut,
    dependencies=[may("campaign", "update")],
)
async def post_enrolment(campaign_id: UUID, run: Run) -> Response:
    """Enrol what has come to the list since the campaign opened; then plan both tiers again."""
    command = EnrolLate(campaign_id)
    return await run(enrol_late, command, answer=lambda job: EnrolmentOut(job_id=job), status=202)


@router.get("/assignments", dependencies=[may("assignment", "read")])
async def get_assignments(
    run: Run,
    *,
    campaign_id: UUID | None = None,
    tier: int | None = None,
    institution_id: UUID | None = None,
    outlet_id: UUID | None = None,
    staff_id: UUID | None = None,
    without_contact: bool | None = None,
    enterprise_id: UUID | None = None,
    region: str | None = None,
    state: Literal["live", "ended", "all"] = "live",
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AssignmentPage:
    """The assignments the caller may see, by id; ended ones only when asked for."""
    wanted = assignments.AssignmentFilter(
        campaign_id=campaign_id,
        tier=tier,
        institution_id=institution_id,
        outlet_id=outlet_id,
        staff_id=staff_id,
        enterprise_id=enterprise_id,
        region=region,
        without_contact=without_contact,
        state=state,
        after=one_id(cursor),
        limit=limit,
    )
    found = await run.read(assignments.page, wanted)
    rows, following = page_of(found, limit, lambda row: (row.assignment_id,))
    return AssignmentPage(items=[AssignmentOut.of(row) for row in rows], next_cursor=following)


@router.get("/assignments/{assignment_id}", dependencies=[may("assignment", "read")])
async def get_assignment(assignment_id: UUID, run: Run) -> AssignmentDetailOut:
    """One assignment with everyone who was its contact."""
    return AssignmentDetailOut.seen(await run.read(find_assignment, assignment_id))


@router.post("/contacts:batch", response_model=ContactsOut, dependencies=[may("contact", "update")])
async def post_contacts(body: ContactsIn, run: Run) -> Response:
    """Name branch and person for up to 1,000 enterprises; each row is answered."""
    return await run(name_contacts, NameContacts(body.namings()), answer=ContactsOut.of)


@router.get("/contacts/missing", dependencies=[may("contact", "read")])
async def get_missing(campaign_id: UUID, run: Run) -> ProgressOut:
    """Institutions that have not named all contacts yet."""
    return ProgressOut.of(await run.read(progress_of, campaign_id), missing_only=True)


@router.get("/contacts/overdue", dependencies=[may("contact", "read")])
async def get_overdue(
    campaign_id: UUID, run: Run, *, cursor: Cursor = None, limit: Limit = 100
) -> OverduePage:
    """Enterprise by enterprise what has no contact after the day for naming them."""
    found = await run.read(overdue, campaign_id, after=one_id(cursor), limit=limit)
    rows, following = page_of(found.rows, limit, lambda row: (row.assignment_id,))
    items = [OverdueOut.late(row, found.days) for row in rows]
    return OverduePage(contacts_due_on=found.due_on, items=items, next_cursor=following)


@router.get("/load", dependencies=[may("contact", "read")])
async def get_load(campaign_id: UUID, run: Run) -> ProgressOut:
    """What each institution has, and for how many a contact is named."""
    return ProgressOut.of(await run.read(progress_of, campaign_id), missing_only=False)
