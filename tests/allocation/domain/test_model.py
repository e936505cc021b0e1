"""The life of a plan."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.allocation.domain import model
from services.allocation.domain.model import Plan, PlanState
from shared.kernel.errors import RuleViolation
from tests.allocation.domain.build import an_id

AT = datetime(2022, 4, 12, tzinfo=UTC)
PLAN = Plan(an_id("plan", 1), an_id("campaign", 1), tier=2, version=1, seed=7)


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
