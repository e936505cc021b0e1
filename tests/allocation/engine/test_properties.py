"""The fifteen properties of a provably best sharing-out; each test names the rule it proves."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.allocation.others import ortools
from services.allocation.domain.engine import kernel
from services.allocation.domain.engine.allocating import allocate, certify, solve
from services.allocation.domain.engine.explaining import Binding, explain, shortages
from services.allocation.domain.engine.flow import flow_solution, lemon
from services.allocation.domain.engine.joint import allocate_jointly
from services.allocation.domain.engine.pairing import ground_of, scores_at
from services.allocation.domain.engine.problem import in_order
from services.allocation.domain.engine.scoring import metres_between, score_city
from services.allocation.domain.engine.verify import verify
from tests.allocation.engine.made import (
    brute_force,
    document,
    made_city,
    made_policy,
    value,
)

seeds = st.integers(0, 1 << 40)
often = settings(max_examples=300, deadline=None)
sometimes = settings(max_examples=80, deadline=None)


def free_choice(allocation):
    return allocation.choice[allocation.scored.free].tolist()


def metres_of(allocation):
    """The metre part of the objective: what the lottery must not touch."""
    return value(allocation.scored, free_choice(allocation)) >> allocation.scored.shift


@given(seeds)
@often
def test_JS_07_each_enterprise_has_one_admissible_bank_or_stands_in_a_shortage(seed):
    allocation = allocate(made_city(seed, fixed=True), made_policy(seed))
    city, banks = allocation.scored.city, len(allocation.scored.city.bank)
    short = shortages(allocation)
    for row, bank in enumerate(allocation.choice.tolist()):
        if city.fixed[row] >= 0:
            assert bank == city.fixed[row]
        elif bank == banks:
            assert sum(row in one.enterprises for one in short) == 1
        else:
            assert allocation.scored.score[row, bank] < kernel.FORBIDDEN
            assert [row, bank] not in city.forbidden.tolist()


@given(seeds)
@often
def test_A2_no_bank_has_more_than_it_can_take(seed):
    allocation = allocate(made_city(seed), made_policy(seed))
    banks = len(allocation.scored.city.bank)
    counts = np.bincount(allocation.choice, minlength=banks + 1)[:banks]
    assert (counts <= allocation.scored.bounds[2]).all()
    assert (allocation.scored.bounds[2] <= np.maximum(allocation.scored.city.capacity, 0)).all()


@given(seeds)
@often
def test_A2_the_certificate_shows_what_each_unit_outside_a_band_costs(seed):
    allocation = allocate(made_city(seed), made_policy(seed))
    scored = allocation.scored
    total = int(scored.score[np.arange(len(allocation.choice)), allocation.choice].sum())
    assert certify(allocation).primal == total + scored.step * outside(scored, allocation.choice)


def outside(scored, choice):
    """Units below floors and above ceilings; less the floors' sum, which no choice changes."""
    banks = scored.bounds.shape[1]
    units = 0
    for (low, high), who in ((scored.bounds[:2], choice), (scored.bounds[3:], choice[scored.hard])):
        here = np.bincount(who, minlength=banks + 1)[:banks]
        units += int(
            np.maximum(low - here, 0).sum() + np.maximum(here - np.maximum(high, low), 0).sum()
        )
        units += int(here.sum() - low.sum())
    return units


@given(seeds)
@often
def test_U8_cost_equals_bound_as_whole_numbers(seed):
    allocation = allocate(made_city(seed, fixed=True), made_policy(seed))
    certificate = certify(allocation)
    assert certificate.proven
    assert certificate.primal == value(allocation.scored, free_choice(allocation))
    reasons = explain(allocation)
    assert (reasons.margin_m >= 0).all()
    assert ((reasons.binding == Binding.NO_PLACE) <= (reasons.metres == -1)).all()


@pytest.mark.parametrize("part", range(8))
def test_U8_two_thousand_small_cities_cost_the_same_for_kernel_lemon_and_or_tools(part):
    for seed in range(250 * part, 250 * part + 250):
        scored = score_city(in_order(made_city(seed, fixed=seed % 5 == 0)), made_policy(seed))
        ours = solve(scored)
        theirs = [flow_solution(scored, solver).tolist() for solver in (lemon, ortools)]
        costs = {value(scored, choice) for choice in [free_choice(ours), *theirs]}
        assert len(costs) == 1, seed
        assert certify(ours).primal in costs


@given(seeds)
@sometimes
def test_U8_no_choice_at_all_is_cheaper(seed):
    city = made_city(seed, firms=seed % 6, banks=1 + seed % 3)
    allocation = allocate(city, made_policy(seed))
    assert value(allocation.scored, free_choice(allocation)) == brute_force(allocation.scored)


@given(seeds, seeds)
@often
def test_A4_the_order_of_rows_changes_nothing(seed, order):
    city, policy = made_city(seed, fixed=True), made_policy(seed)
    assert allocate(shuffled(city, order), policy).digest == allocate(city, policy).digest


def shuffled(city, order):
    """Rows, columns, outlets and pairs in another order; without the engine's own reordering."""
    rng = np.random.default_rng(order)
    rows, columns, outlets = (
        rng.permutation(len(one)) for one in (city.enterprise, city.bank, city.outlet)
    )
    row_at = np.argsort(rows)
    column_at = np.append(np.argsort(columns), -1).astype(np.int32)

    def both(pairs):
        found = np.stack([row_at[pairs[:, 0]], column_at[pairs[:, 1]]], axis=1)
        return rng.permutation(found).astype(np.int32)

    return replace(
        city,
        **{
            name: getattr(city, name)[rows]
            for name in ("enterprise", "place", "placed", "has_loan")
        },
        bank=city.bank[columns],
        capacity=city.capacity[columns],
        past=city.past[columns],
        outlet=city.outlet[outlets],
        outlet_place=city.outlet_place[outlets],
        outlet_bank=column_at[city.outlet_bank[outlets]],
        outlet_capacity=city.outlet_capacity[outlets],
        previous=column_at[city.previous[rows]],
        fixed=None if city.fixed is None else column_at[city.fixed[rows]],
        **{name: both(getattr(city, name)) for name in ("lenders", "forbidden", "alike")},
    )


@given(seeds, st.integers(0, 1 << 62))
@often
def test_A4_another_seed_draws_other_lots_but_never_a_metre(seed, lot):
    city, policy = made_city(seed), made_policy(seed)
    assert metres_of(allocate(city, policy)) == metres_of(allocate(city, replace(policy, seed=lot)))


@given(seeds, seeds)
@often
def test_U8_whatever_it_starts_from_it_ends_the_same(seed, start):
    scored = score_city(in_order(made_city(seed)), made_policy(seed))
    banks = scored.bounds.shape[1]
    begun = np.random.default_rng(start).integers(0, banks + 1, len(scored.free))
    cold, warm = solve(scored), solve(scored, start=begun.astype(np.int32))
    assert value(scored, cold.choice.tolist()) == value(scored, warm.choice.tolist())
    assert (cold.prices == warm.prices).all()


@given(seeds, st.sampled_from([0, 500, 5_000, 50_000]))
@often
def test_A1_solving_again_from_the_result_moves_nobody(seed, stick):
    city, policy = in_order(made_city(seed)), made_policy(seed)
    banks = len(city.bank)
    plain = replace(policy, stick_m=0)
    settled = allocate(city, plain)
    held = np.where(settled.choice < banks, settled.choice, -1).astype(np.int32)
    again = allocate(replace(city, previous=held), replace(policy, stick_m=stick))
    assert value(score_city(city, plain), again.choice.tolist()) == value(
        settled.scored, settled.choice.tolist()
    )
    if stick:
        assert again.choice.tolist() == settled.choice.tolist()


@given(seeds)
@sometimes
def test_A1_the_more_it_sticks_the_fewer_move_down_to_the_fewest_possible(seed):
    city = in_order(made_city(seed, firms=seed % 6, banks=1 + seed % 3))
    policy = made_policy(seed, band_step_m=0)
    had = [allocate(city, replace(policy, stick_m=stick)) for stick in (0, 500, 5_000, 10_000_000)]
    moves = [moved(city, one.choice) for one in had]
    assert moves == sorted(moves, reverse=True)
    plain = score_city(city, replace(policy, stick_m=0))
    costs = [value(plain, one.choice.tolist()) >> plain.shift for one in had]
    assert costs == sorted(costs)
    assert moves[-1] == fewest_moves(plain, city, had[-1])


def moved(city, choice):
    return int(((city.previous >= 0) & (choice != city.previous)).sum())


def fewest_moves(scored, city, allocation):
    from itertools import product

    banks = scored.bounds.shape[1]
    placed = int((allocation.choice < banks).sum())
    return (
        min(
            moved(city, np.array(choice))
            for choice in product(range(banks + 1), repeat=len(city.enterprise))
            if sum(one < banks for one in choice) == placed
            and all(choice.count(bank) <= scored.bounds[2][bank] for bank in range(banks))
            and all(scored.score[row, one] < kernel.FORBIDDEN for row, one in enumerate(choice))
        )
        if len(city.enterprise)
        else 0
    )


@given(seeds)
@often
def test_U8_a_slot_more_saves_its_price_and_one_fewer_costs_it(seed):
    scored = score_city(in_order(made_city(seed)), made_policy(seed))
    allocation = solve(scored)
    here = value(scored, allocation.choice.tolist())
    for bank in range(scored.bounds.shape[1]):
        for change, sign, price in ((1, 1, 0), (-1, -1, 1)):
            bounds = scored.bounds.copy()
            bounds[2, bank] += change
            if bounds[2, bank] < 0:
                continue
            other = solve(replace(scored, bounds=bounds))
            there = value(other.scored, other.choice.tolist())
            assert sign * (here - there) == allocation.slot_prices[price, bank]


@given(seeds)
@often
def test_U8_more_room_never_costs_more_and_a_wider_band_neither(seed):
    scored = score_city(in_order(made_city(seed)), made_policy(seed))
    here = value(scored, solve(scored).choice.tolist())
    roomier = scored.bounds.copy()
    roomier[2] += 1
    other = replace(scored, bounds=roomier)
    assert value(other, solve(other).choice.tolist()) <= here
    usual = with_floors(scored, solve(scored))
    for floor in (0, 3):
        wider = a_unit_wider(scored, floor)
        assert with_floors(wider, solve(wider)) <= usual
    if len(scored.free):
        fewer = replace(
            scored,
            score=scored.score[1:], hard=scored.hard[1:], free=scored.free[1:],
            metres=scored.metres[1:], nearest=scored.nearest[1:],
        )  # fmt: skip
        assert value(fewer, solve(fewer).choice.tolist()) <= here


def a_unit_wider(scored, floor):
    bounds = scored.bounds.copy()
    bounds[floor + 1] = np.maximum(bounds[floor + 1], bounds[floor]) + 1
    bounds[floor] = np.maximum(bounds[floor] - 1, 0)
    return replace(scored, bounds=bounds)


def with_floors(scored, allocation):
    """How many have no place; then the cost, where each unit that a floor lacks costs a step.

    A hard case without a place costs a step more already: that one lacks at a floor too.
    """
    banks = scored.bounds.shape[1]
    here = allocation.choice < banks
    lacking = scored.step * int(scored.bounds[0].sum() - here.sum())
    lacking += scored.step * int(scored.bounds[3].sum() - scored.hard.sum())
    return int((~here).sum()), value(scored, allocation.choice.tolist()) + lacking


@given(seeds)
@often
def test_A3_a_shortage_is_closed_and_full_and_its_slots_clear_it(seed):
    city = replace(in_order(made_city(seed)), past=None)
    city = replace(city, capacity=np.maximum(city.capacity - 2, 0))
    allocation = allocate(city, made_policy(seed))
    banks = len(city.bank)
    found = shortages(allocation)
    assert sum(one.short for one in found) == int((allocation.choice == banks).sum())
    counts = np.bincount(allocation.choice, minlength=banks + 1)
    allowed = allocation.scored.score[:, :banks] < kernel.FORBIDDEN
    for one in found:
        assert all(counts[bank] == allocation.scored.bounds[2][bank] for bank in one.banks)
        assert not allowed[one.enterprises][
            :, [b for b in range(banks) if b not in one.banks]
        ].any()
        if one.banks:
            left = [row for row in one.enterprises.tolist() if allocation.choice[row] == banks]
            more = allocation.scored.bounds.copy()
            np.add.at(more[2], allowed[left].argmax(axis=1), 1)
            clear = solve(replace(allocation.scored, bounds=more))
            assert not (clear.choice[left] == banks).any()


@given(seeds)
@sometimes
def test_JS_19_rotation_never_repeats_a_pair_until_no_bank_is_left(seed):
    city = in_order(made_city(seed, banks=3, roomy=True, history=False))
    policy = made_policy(seed, max_m=None)
    met: Counter[tuple[int, int]] = Counter()
    for _ in range(5):
        pairs = np.array(sorted(met), dtype=np.int32).reshape(-1, 2)
        allocation = allocate(replace(city, forbidden=pairs), policy)
        placed = np.flatnonzero(allocation.choice < 3).tolist()
        met.update((row, int(allocation.choice[row])) for row in placed)
        assert all(count == 1 for count in met.values())
        left = np.flatnonzero(allocation.choice == 3)
        reached = [row for one in shortages(allocation) for row in one.enterprises.tolist()]
        assert set(left.tolist()) <= set(reached)
    served = len(set(city.outlet_bank.tolist()))
    assert len(met) == served * len(city.enterprise)


@given(seeds)
@sometimes
def test_A2_pricing_ends_the_same_whatever_it_starts_with(seed):
    city = made_city(seed, firms=12, banks=3, history=False)
    policy = made_policy(seed, hard_bp=None)
    few, more, all_of_them = (
        allocate_jointly(city, policy, first_arcs=first) for first in (1, 2, 64)
    )
    assert few.primal == few.bound == more.primal == all_of_them.primal
    assert few.bound == all_of_them.bound
    assert few.outlet.tolist() == more.outlet.tolist() == all_of_them.outlet.tolist()
    assert joint_is_within_limits(few)
    assert_explained_by_bank(few)


@given(seeds)
@sometimes
def test_A2_outlets_with_limits_cost_no_less_than_without_and_no_more_than_one_after_the_other(
    seed,
):
    city = in_order(made_city(seed, firms=12, banks=3, history=False))
    policy = made_policy(seed, hard_bp=None, max_m=None)
    alone, joint = allocate(city, policy), allocate_jointly(city, policy)
    ground = ground_of(joint.scored)
    nearest = np.where(alone.choice < 3, alone.scored.nearest[:, :3][
        np.arange(12), np.minimum(alone.choice, 2)], -1)  # fmt: skip
    best, together, apart = (
        left_and_metres(ground, seats)
        for seats in (nearest, joint.outlet, seated_later(ground, alone))
    )
    assert best <= together <= apart


def seated_later(ground, alone):
    """Banks first; then each of their enterprises at the nearest of its outlets with room."""
    city, room = ground.scored.city, ground.room.copy()
    seats = np.full(len(alone.choice), -1)
    for row, bank in enumerate(alone.choice.tolist()):
        open_ones = np.flatnonzero((city.outlet_bank == bank) & (room > 0))
        if len(open_ones):
            at = np.full(len(open_ones), row)
            ways = metres_between(ground.scored.point[at], ground.scored.outlet_point[open_ones])
            seats[row] = open_ones[ways.argmin()]
            room[seats[row]] -= 1
    return seats


def left_and_metres(ground, seats):
    """How many have no seat; and the metres of the others with what leaves the bands of all."""
    rows = np.flatnonzero(seats >= 0)
    metres = int((scores_at(ground, rows, seats[rows].astype(np.int64)) >> ground.shift).sum())
    low, high = ground.scored.bounds[:2]
    here = np.bincount(ground.scored.city.outlet_bank[seats[rows]], minlength=len(low))
    units = np.maximum(here - low, 0).sum() + np.maximum(here - np.maximum(high, low), 0).sum()
    return len(seats) - len(rows), metres + ground.scored.policy.band_step_m * int(units)


@given(seeds)
@sometimes
def test_A2_joint_with_a_hard_band_is_never_below_its_bound(seed):
    city = made_city(seed, firms=12, banks=3, history=False)
    joint = allocate_jointly(city, made_policy(seed, hard_bp=1_000))
    assert joint.primal >= joint.bound
    assert joint_is_within_limits(joint)
    assert_explained_by_bank(joint)


def assert_explained_by_bank(joint):
    """Seen from the banks it is the same sharing-out, and no runner-up is cheaper."""
    seen = joint.by_bank
    banks = len(joint.scored.city.bank)
    assert np.where(seen.choice < banks, seen.choice, -1).tolist() == joint.bank.tolist()
    reasons = explain(seen)
    assert (reasons.margin_m >= 0).all()
    placed = np.flatnonzero(joint.outlet >= 0)
    ways = metres_between(
        joint.scored.point[placed], joint.scored.outlet_point[joint.outlet[placed]]
    )
    assert reasons.metres[placed].tolist() == ways.tolist()


def joint_is_within_limits(joint):
    city = joint.scored.city
    outlets = np.bincount(joint.outlet[joint.outlet >= 0], minlength=len(city.outlet))
    banks = np.bincount(joint.bank[joint.bank >= 0], minlength=len(city.bank))
    return bool((outlets <= city.outlet_capacity).all() and (banks <= joint.scored.bounds[2]).all())


@given(seeds, st.integers(2, 9))
@often
def test_U8_another_unit_or_a_surcharge_for_one_changes_nobody(seed, factor):
    scored = score_city(in_order(made_city(seed)), made_policy(seed))
    assume(len(scored.free) > 0)
    usual = solve(scored)
    real = scored.score < kernel.FORBIDDEN
    scaled = np.where(real, scored.score * factor, kernel.FORBIDDEN)
    policy = replace(scored.policy, band_step_m=scored.policy.band_step_m * factor)
    other = solve(replace(scored, score=scaled, policy=policy))
    assert value(scored, other.choice.tolist()) == value(scored, usual.choice.tolist())
    dearer = scored.score.copy()
    dearer[0, real[0]] += 12_345 << scored.shift
    shifted = solve(replace(scored, score=dearer))
    assert value(scored, shifted.choice.tolist()) == value(scored, usual.choice.tolist())


@given(seeds)
@sometimes
def test_A1_cities_apart_cost_what_they_cost_together(seed):
    from services.allocation.domain.engine.flow import Network

    parts = [score_city(in_order(made_city(seed + at)), made_policy(seed + at)) for at in range(3)]
    together = []

    def keep(network):
        together.append(network)
        return lemon(network)

    apart = sum(value(one, flow_solution(one, keep).tolist()) for one in parts)
    offsets = np.cumsum([0, *(len(one.supply) for one in together[:-1])])
    whole = Network(
        *(
            np.concatenate(
                [getattr(n, name) + off * move for n, off in zip(together, offsets, strict=True)]
            )
            for name, move in (
                ("tail", 1),
                ("head", 1),
                ("capacity", 0),
                ("cost", 0),
                ("supply", 0),
            )
        ),
        overflow=np.concatenate([n.overflow for n in together]),
    )
    sent = lemon(whole)
    assert sum(int(cost) * int(flow) for cost, flow in zip(whole.cost, sent, strict=True)) == apart
    assert apart == sum(certify(solve(one)).primal for one in parts)


@given(seeds)
@often
def test_U8_the_verifier_agrees_and_notices_every_change(seed):
    allocation = allocate(made_city(seed, fixed=True), made_policy(seed))
    published = document(allocation)
    assert verify(published) == []
    banks = len(allocation.scored.city.bank)
    placed = np.flatnonzero((allocation.choice < banks) & allocation.scored.free)
    assume(len(placed) > 0 and banks > 1)
    row = int(placed[seed % len(placed)])
    published["cities"][0]["choice"][row] = (int(allocation.choice[row]) + 1) % banks
    assert verify(published) != []
