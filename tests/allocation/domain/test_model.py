"""The life of a plan and of an assignment."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.allocation.domain import model
from services.allocation.domain.model import Assignment, AssignmentState, NodeKind, Plan, PlanState
from shared.kernel.errors import RuleViolation
from tests.allocation.domain.build import an_id

AT = datetime(2022, 4, 12, tzinfo=UTC)
PLAN = Plan(an_id("plan", 1), an_id("campaign", 1), tier=2, version=1, seed=7)
ASSIGNED = Assignment(
    an_id("assignment", 1),
    PLAN.plan_id,
    an_id("enterprise", 1),
    NodeKind.INSTITUTION,
    institution_id=an_id("bank", 1),
)


def published(version: int) -> Plan:
    draft = model.plan_solved(replace(PLAN, plan_id=an_id("plan", version), version=version))
    checked = model.check_plan(draft, by=an_id("account", 2))
    return model.publish_plan(checked, published_at=AT)


def test_A1_a_plan_goes_from_draft_to_published_to_superseded() -> None:
    first, second = published(1), published(2)
    assert (first.state, first.published_at) == (PlanState.PUBLISHED, AT)
    old = model.supersede_plan(first, by=second)
    assert (old.state, old.superseded_by) == (PlanState.SUPERSEDED, second.plan_id)


def test_A1_a_published_plan_cannot_be_published_or_solved_again() -> None:
    for change in (model.plan_solved, lambda plan: model.publish_plan(plan, published_at=AT)):
        with pytest.raises(RuleViolation):
            change(published(1))
    with pytest.raises(RuleViolation) as refused:
        model.publish_plan(model.plan_failed(PLAN, "no list"), published_at=AT)
    assert refused.value.code == "plan.not_checked"


def test_A1_who_made_a_plan_does_not_check_it() -> None:
    draft = model.plan_solved(replace(PLAN, made_by=an_id("account", 1)))
    with pytest.raises(RuleViolation) as refused:
        model.check_plan(draft, by=an_id("account", 1))
    assert refused.value.code == "plan.own_work"
    assert model.check_plan(draft, by=an_id("account", 2)).state is PlanState.CHECKED


def test_A1_only_a_later_published_plan_of_the_same_tier_supersedes() -> None:
    for other in (
        published(1),
        replace(published(2), tier=1),
        model.plan_solved(replace(PLAN, version=2)),
    ):
        with pytest.raises(RuleViolation) as refused:
            model.supersede_plan(published(1), by=other)
        assert refused.value.code == "plan.not_successor"
    with pytest.raises(RuleViolation):
        model.supersede_plan(PLAN, by=published(2))


def test_JS_08_the_institution_names_branch_and_person_and_may_hand_over() -> None:
    named = model.name_contact(ASSIGNED, outlet_id=an_id("outlet", 1), staff_id=an_id("staff", 1))
    assert named.state is AssignmentState.CONTACT_NAMED
    handed = model.name_contact(named, outlet_id=an_id("outlet", 1), staff_id=an_id("staff", 2))
    assert handed.staff_id == an_id("staff", 2)
    bureau = replace(ASSIGNED, node_kind=NodeKind.BUREAU, institution_id=None, bureau_code="320500")
    with pytest.raises(RuleViolation) as refused:
        model.name_contact(bureau, outlet_id=an_id("outlet", 1), staff_id=an_id("staff", 1))
    assert refused.value.code == "assignment.not_an_institution"


def test_A8_a_rejected_return_stays_the_duty_of_the_bank_and_a_granted_one_ends() -> None:
    asked = model.ask_return(ASSIGNED)
    still = model.name_contact(asked, outlet_id=an_id("outlet", 1), staff_id=an_id("staff", 1))
    assert still.state is AssignmentState.RETURN_ASKED
    assert model.decide_return(asked, granted=False).state is AssignmentState.ASSIGNED
    assert model.decide_return(still, granted=False).state is AssignmentState.CONTACT_NAMED
    ended = model.decide_return(asked, granted=True)
    assert (ended.state, ended.end_reason) == (AssignmentState.ENDED, "returned")
    for wrong in (
        lambda: model.ask_return(asked),
        lambda: model.decide_return(ASSIGNED, granted=True),
    ):
        with pytest.raises(RuleViolation):
            wrong()


def test_JS_19_an_ended_assignment_stays_ended() -> None:
    ended = model.end_assignment(ASSIGNED, reason="rotated")
    assert ended.end_reason == "rotated"
    with pytest.raises(RuleViolation) as refused:
        model.end_assignment(ended, reason="rotated")
    assert refused.value.code == "assignment.ended"
