"""Tier 1: own bureau first, the capital directly, the surplus to where there is room."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from services.allocation.domain.engine.allocating import Certificate
from services.allocation.domain.model import Enterprise, NodeKind
from services.allocation.domain.tiers import TierOne, TierReason, certify, share_out
from tests.allocation.domain.build import a_city

NANJING, SUZHOU, WUXI = "320100", "320500", "320200"
CITY = a_city(enterprises=90, banks=4, seed=5, tightness=2.0)
CAPITAL_OUTLETS = tuple(replace(one, city_code=NANJING) for one in CITY.outlets)


def listed() -> tuple[Enterprise, ...]:
    codes = [NANJING] * 20 + [SUZHOU] * 50 + [WUXI] * 20
    return tuple(
        replace(one, city_code=code) for one, code in zip(CITY.enterprises, codes, strict=True)
    )


def shared(capacity: dict[str, int], capital: str | None = NANJING) -> tuple[TierOne, ...]:
    return share_out(
        listed(),
        capacity=capacity,
        capital_city_code=capital,
        capital_outlets=CAPITAL_OUTLETS,
        seed=7,
    )


def test_JS_06_each_enterprise_goes_to_its_own_bureau_and_the_capital_directly_to_banks() -> None:
    own = {one.enterprise_id: one.city_code for one in listed()}
    for one in shared({NANJING: 20, SUZHOU: 50, WUXI: 20}):
        assert one.city_code == own[one.enterprise_id]
        direct = one.city_code == NANJING
        assert one.node_kind is (NodeKind.INSTITUTION if direct else NodeKind.BUREAU)
        assert one.reason is (TierReason.CAPITAL_DIRECT if direct else TierReason.OWN_CITY)


def test_JS_06_only_the_surplus_leaves_and_it_is_the_nearest_to_the_capital() -> None:
    decisions = shared({NANJING: 40, SUZHOU: 42, WUXI: 20})
    moved = [one for one in decisions if one.reason is TierReason.BUREAU_FULL]
    assert len(moved) == 8
    assert {one.node_kind for one in moved} == {NodeKind.INSTITUTION}
    assert {one.city_code for one in moved} == {NANJING}
    everybody = shared({NANJING: 1_000, SUZHOU: 0, WUXI: 20})
    metres = sorted(
        one.metres_to_capital or 0 for one in everybody if one.metres_to_capital is not None
    )
    assert sorted(one.metres_to_capital or 0 for one in moved) == metres[:8]


def test_JS_06_the_capital_takes_no_more_than_its_banks_have_room_for() -> None:
    decisions = shared({NANJING: 25, SUZHOU: 40, WUXI: 18})
    reasons = Counter(one.reason for one in decisions)
    assert reasons[TierReason.BUREAU_FULL] == 5
    assert reasons[TierReason.CAPITAL_DIRECT] == 20
    assert reasons[TierReason.OWN_CITY_CROWDED] > 0
    assert len(decisions) == 90


def test_JS_06_without_a_capital_everybody_stays_with_its_own_bureau() -> None:
    assert {one.reason for one in shared({SUZHOU: 1}, capital=None)} == {TierReason.OWN_CITY}


def test_A4_tier_one_does_not_depend_on_the_order_of_the_list() -> None:
    capacity = {NANJING: 25, SUZHOU: 40, WUXI: 18}
    turned = share_out(
        reversed(listed()),
        capacity=capacity,
        capital_city_code=NANJING,
        capital_outlets=reversed(CAPITAL_OUTLETS),
        seed=7,
    )
    assert turned == shared(capacity)


def test_U8_the_proof_of_tier_one_says_no_to_anybody_else_sent_to_the_capital() -> None:
    capacity = {NANJING: 40, SUZHOU: 42, WUXI: 15}
    decisions = shared(capacity)

    def proof(given: Iterable[TierOne]) -> Certificate:
        return certify(
            listed(), given, capacity=capacity, capital_city_code=NANJING,
            capital_outlets=CAPITAL_OUTLETS, seed=7,
        )  # fmt: skip

    assert proof(decisions).proven
    assert proof(decisions).primal > 0
    everybody = shared({NANJING: 1_000})
    way = {one.enterprise_id: one.metres_to_capital for one in everybody}
    city = {one.enterprise_id: one.city_code for one in listed()}
    gone = [one for one in decisions if one.reason is TierReason.BUREAU_FULL]
    (nearest, *_) = sorted(gone, key=lambda one: one.metres_to_capital or 0)
    for one in decisions:
        own = city[one.enterprise_id]
        if one.reason is TierReason.OWN_CITY and own == city[nearest.enterprise_id]:
            there = replace(one, metres_to_capital=way[one.enterprise_id])
            changes = {one.enterprise_id: there, nearest.enterprise_id: replace(
                nearest, metres_to_capital=None)}  # fmt: skip
            other = proof(changes.get(each.enterprise_id, each) for each in decisions)
            assert other.primal > other.dual
            assert other.violations > 0
    for metres in (None, (nearest.metres_to_capital or 0) + 1):
        wrong = replace(nearest, metres_to_capital=metres)
        assert not proof(wrong if one is nearest else one for one in decisions).proven
    stays = next(one for one in decisions if one.reason is TierReason.OWN_CITY)
    sent = replace(stays, metres_to_capital=way[stays.enterprise_id])
    assert not proof(sent if one is stays else one for one in decisions).proven
