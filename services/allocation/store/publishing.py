"""What a publication changes, in a few statements for the whole plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.allocation.domain.profile import MatchedRule
from services.allocation.store.inputs import MATCHED, matched_values
from services.allocation.store.plans import StoredPlan
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Began:
    """An assignment that begins."""

    assignment_id: UUID
    enterprise_id: UUID
    bureau_code: str | None
    institution_id: UUID | None
    region_code: str
    node_city: str | None
    node_outlet_id: UUID | None


@dataclass(frozen=True, slots=True)
class Ended:
    """An assignment that ends."""

    assignment_id: UUID
    enterprise_id: UUID
    institution_id: UUID | None


async def drop_matched(
    tx: Transaction, plan: StoredPlan, rotated_on: date, rule: MatchedRule
) -> None:
    """Choose who rotates: those of the plan with a new bank that are still unmatched (JS-19).

    What became known since the plan was solved counts: who was matched meanwhile stays.
    """
    matched = MATCHED.format(e="r.enterprise_id", i="a.institution_id")
    driver = await tx.driver()
    await driver.execute(
        "create temporary table going on commit drop as select r.enterprise_id from plan_row r"
        " join campaign k on k.campaign_id = $1 left join assignment a on a.campaign_id = $1"
        " and a.duty and a.enterprise_id = r.enterprise_id and a.ended_on is null"
        f" where r.plan_id = $5 and r.assignment_id is not null and not {matched}",
        plan.campaign_id,
        rotated_on,
        *matched_values(rule),
        plan.plan_id,
    )


async def choose_all(tx: Transaction, plan: StoredPlan) -> None:
    """Choose everybody of the campaign: a plan for the whole list, without exceptions."""
    driver = await tx.driver()
    await driver.execute(
        "create temporary table going on commit drop as"
        " select enterprise_id from enrolment where campaign_id = $1",
        plan.campaign_id,
    )


async def choose_held(tx: Transaction, plan: StoredPlan, tier: int) -> None:
    """Choose those whom a bank has at a tier: what it gave back meanwhile is not placed."""
    driver = await tx.driver()
    await driver.execute(
        "create temporary table going on commit drop as select enterprise_id from assignment"
        " where campaign_id = $1 and tier = $2 and ended_on is null and institution_id is not null",
        plan.campaign_id,
        tier,
    )


async def end_deeper(
    tx: Transaction,
    campaign_id: UUID,
    tier: int,
    enterprise_ids: Sequence[UUID],
    *,
    day: date,
    reason: str,
) -> None:
    """What enterprises have below a tier ends: the node it lay under is theirs no more."""
    driver = await tx.driver()
    await driver.execute(
        "update assignment set ended_on = $4, end_reason = $5 where campaign_id = $1"
        " and tier > $2 and ended_on is null and enterprise_id = any($3::uuid[])",
        campaign_id,
        tier,
        enterprise_ids,
        day,
        reason,
    )


async def end_moved(tx: Transaction, plan: StoredPlan, day: date, reason: str) -> list[Ended]:
    """End what the chosen have elsewhere than the plan sends them to."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "update assignment a set ended_on = $4, end_reason = $5 from going g"
        " left join plan_row r on r.plan_id = $3 and r.enterprise_id = g.enterprise_id"
        " where a.campaign_id = $1 and a.tier = $2 and a.ended_on is null"
        " and a.enterprise_id = g.enterprise_id"
        " and (a.node_id, a.bureau_code) is distinct from (r.node_id, r.bureau_code)"
        " returning a.assignment_id, a.enterprise_id, a.institution_id",
        plan.campaign_id,
        plan.tier,
        plan.plan_id,
        day,
        reason,
    )
    return [Ended(*row) for row in rows]


async def follow(tx: Transaction, plan: StoredPlan) -> list[UUID]:
    """Those who keep their node but in another city, where the plan has them; who they are."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "update assignment a set node_city = r.node_city from going g"
        " join plan_row r on r.plan_id = $3 and r.enterprise_id = g.enterprise_id"
        " where a.campaign_id = $1 and a.tier = $2 and a.ended_on is null"
        " and a.enterprise_id = g.enterprise_id and a.node_id = r.node_id"
        " and a.node_city is distinct from r.node_city returning a.enterprise_id",
        plan.campaign_id,
        plan.tier,
        plan.plan_id,
    )
    return [row["enterprise_id"] for row in rows]


async def begin(tx: Transaction, plan: StoredPlan, day: date, *, duty: bool) -> list[Began]:
    """Enter an assignment for each of the chosen that has none at the tier, by plan.

    The county is the one on that day: the enterprise may have moved since the plan was solved.
    """
    driver = await tx.driver()
    rows = await driver.fetch(
        "insert into assignment (assignment_id, campaign_id, plan_id, enterprise_id, tier, round,"
        " bureau_code, institution_id, region_code, assigned_on, nearest_outlet_id, distance_m,"
        " duty, node_kind, node_city, node_outlet_id, node_id)"
        " select r.assignment_id, $1, $3, r.enterprise_id, $2, $4, r.bureau_code,"
        " r.institution_id, coalesce(c.region_code, r.region_code), $5, r.nearest_outlet_id,"
        " r.distance_m, $7, r.node_kind, r.node_city, r.outlet_id, r.node_id"
        " from plan_row r join going g using (enterprise_id)"
        " left join lateral (select e.region_code from enterprise_change e"
        "   where e.enterprise_id = r.enterprise_id and e.valid_from > $6 and e.valid_from <= $5"
        "   order by e.valid_from desc limit 1) c on true"
        " where r.plan_id = $3 and r.assignment_id is not null and not exists (select"
        "   from assignment a where a.campaign_id = $1 and a.tier = $2"
        "   and a.enterprise_id = r.enterprise_id and a.ended_on is null)"
        " order by r.enterprise_id"
        " returning assignment_id, enterprise_id, bureau_code, institution_id, region_code,"
        " node_city, node_outlet_id",
        plan.campaign_id,
        plan.tier,
        plan.plan_id,
        plan.round,
        day,
        plan.solved_on,
        duty,
    )
    return [Began(*row) for row in rows]


async def set_checked(tx: Transaction, plan_id: UUID) -> None:
    """A second person has checked the plan."""
    driver = await tx.driver()
    await driver.execute(
        "update plan set state = 'checked', checked_by = $2, checked_at = $3 where plan_id = $1",
        plan_id,
        tx.principal.account_id,
        tx.now,
    )


async def set_publication_job(tx: Transaction, plan_id: UUID, job_id: UUID) -> None:
    """The plan is being published by a job."""
    driver = await tx.driver()
    await driver.execute(
        "update plan set publication_job_id = $2 where plan_id = $1", plan_id, job_id
    )


async def set_published(tx: Transaction, plan: StoredPlan, moved: int) -> None:
    """The plan is binding; a plan for the whole list takes the place of those before it."""
    driver = await tx.driver()
    if plan.round == 1:
        await driver.execute(
            "update plan set state = 'superseded', superseded_by = $3"
            " where campaign_id = $1 and tier = $2 and state = 'published'",
            plan.campaign_id,
            plan.tier,
            plan.plan_id,
        )
    await driver.execute(
        "update plan set state = 'published', published_at = $2, published_on = $3, moved = $4"
        " where plan_id = $1",
        plan.plan_id,
        tx.now,
        tx.today,
        moved,
    )
