"""Pushes at once: limits hold, twins agree, nothing waits in a circle."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

from tests.credit.world import World, codes, drawdown, line, listed, loan, repayment, uscc

ROUNDS = 5


async def at_once(
    world: World, kind: str, batches: list[list[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    return list(await asyncio.gather(*(world.push(kind, *rows) for rows in batches)))


async def test_ST_04_pushes_at_once_never_exceed_the_loan(world: World) -> None:
    for turn in range(ROUNDS):
        name = f"N{turn}"
        await world.pushed("loans", loan(external_id=name, amount="100.00"))
        batches = [
            [drawdown(external_id=f"{name}-{n}", loan_external_id=name, amount="30.00")]
            for n in range(8)
        ]
        answers = [rows[0] for rows in await at_once(world, "drawdowns", batches)]
        assert Counter(a["status"] for a in answers) == {"created": 3, "refused": 5}
        assert all(codes(a) == ["drawdown.over_loan"] for a in answers if a["errors"])
        assert await world.balance(name) == "90.00"


async def test_C7_pushes_at_once_on_several_loans_never_exceed_their_line(world: World) -> None:
    await world.pushed("lines", line(amount="100.00"))
    loans = [
        loan(external_id=f"N{n}", uscc=uscc(1), line_external_id="L1", amount="100.00")
        for n in range(8)
    ]
    await world.pushed("loans", *loans)
    batches = [
        [drawdown(external_id=f"D{n}", loan_external_id=f"N{n}", amount="30.00")] for n in range(8)
    ]
    answers = [rows[0] for rows in await at_once(world, "drawdowns", batches)]
    assert Counter(a["status"] for a in answers) == {"created": 3, "refused": 5}
    [of_line] = await world.stack.rows("credit", "select outstanding_fen from credit_line")
    assert of_line["outstanding_fen"] == 9000


async def test_ST_04_repayments_at_once_never_exceed_the_balance(world: World) -> None:
    await world.pushed("loans", loan())
    await world.pushed("drawdowns", drawdown(amount="100.00"))
    batches = [[repayment(n, loan_external_id="N1", principal="40.00")] for n in range(6)]
    answers = [rows[0] for rows in await at_once(world, "repayments", batches)]
    assert Counter(a["status"] for a in answers) == {"created": 2, "refused": 4}
    assert await world.balance() == "20.00"


async def test_I1_the_same_batch_pushed_at_once_is_written_once(world: World) -> None:
    for turn in range(ROUNDS):
        rows = [loan(external_id=f"T{turn}-{n}") for n in range(50)]
        answers = await at_once(world, "loans", [rows, rows[::-1], rows])
        by_number = [{a["external_id"]: a["id"] for a in batch} for batch in answers]
        assert by_number[0] == by_number[1] == by_number[2]
        statuses = Counter(a["status"] for batch in answers for a in batch)
        assert statuses == {"created": 50, "unchanged": 100}
    assert len(await world.events("LoanGranted")) == 50 * ROUNDS


async def test_I1_a_drawdown_pushed_at_once_is_paid_out_once(world: World) -> None:
    await world.pushed("loans", loan())
    answers = await at_once(world, "drawdowns", [[drawdown()] for _ in range(6)])
    statuses = Counter(batch[0]["status"] for batch in answers)
    assert statuses == {"created": 1, "unchanged": 5}
    assert await world.balance() == "500000.00"


async def test_batches_over_the_same_loans_in_any_order_never_wait_in_a_circle(
    world: World,
) -> None:
    numbers = list(range(100, 140))
    await world.stack.publish(*(listed(n) for n in numbers))
    await world.stack.settle()
    await world.pushed("lines", *(line(n) for n in numbers))
    await world.pushed("loans", *(loan(n, line_external_id=f"L{n}") for n in numbers))
    random = Random(7)
    batches = []
    for batch in range(12):
        shuffled = random.sample(numbers, len(numbers))
        batches.append(
            [
                drawdown(external_id=f"D{batch}-{n}", loan_external_id=f"N{n}", amount="10.00")
                for n in shuffled
            ]
        )
    answers = await at_once(world, "drawdowns", batches)
    assert {a["status"] for batch in answers for a in batch} == {"created"}


async def test_ST_04_the_book_adds_up_after_a_random_day_of_pushes(world: World) -> None:
    random = Random(2022)
    await world.pushed("lines", line(amount="9000.00"))
    await world.pushed(
        "loans",
        *(loan(external_id=f"N{n}", line_external_id="L1", amount="4000.00") for n in range(4)),
    )
    for turn in range(12):
        batches: dict[str, list[dict[str, Any]]] = {
            "drawdowns": [],
            "repayments": [],
            "reversals": [],
        }
        for n in range(15):
            day = f"2022-0{random.randint(6, 7)}-{random.randint(1, 28):02d}"
            fen = f"{random.randint(1, 200)}.{random.randint(0, 99):02d}"
            name, target = f"{turn}-{n}", f"N{random.randint(0, 3)}"
            batches["drawdowns"].append(
                {"external_id": name, "loan_external_id": target, "amount": fen, "drawn_on": day}
            )
            batches["repayments"].append(
                {
                    "external_id": name,
                    "loan_external_id": target,
                    "principal": fen,
                    "repaid_on": day,
                }
            )
            batches["reversals"].append(
                {
                    "external_id": name,
                    "drawdown_external_id": f"{random.randint(0, turn)}-{n}",
                    "amount": fen,
                    "reversed_on": day,
                }
            )
        await asyncio.gather(*(world.push(kind, *rows) for kind, rows in batches.items()))
    [checked] = await world.stack.rows("credit", ADDED_UP)
    assert checked["moved"] > 60
    assert (checked["wrong_loans"], checked["wrong_lines"], checked["bad_days"]) == (0, 0, 0)


ADDED_UP = """
with signed as (
  select loan_id, business_on,
         case kind when 'drawdown' then amount_fen when 'reversal' then -amount_fen else 0 end as drawn,
         case kind when 'repayment' then amount_fen else 0 end as repaid
  from movement
), sums as (
  select loan_id, sum(drawn) as drawn, sum(repaid) as repaid from signed group by loan_id
), ends as (
  select loan_id, sum(sum(drawn)) over w as drawn, sum(sum(drawn - repaid)) over w as balance
  from signed group by loan_id, business_on window w as (partition by loan_id order by business_on)
)
select (select count(*) from movement) as moved,
  (select count(*) from loan l left join sums s using (loan_id)
   where (l.drawn_fen, l.repaid_fen) is distinct from (coalesce(s.drawn, 0), coalesce(s.repaid, 0))) as wrong_loans,
  (select count(*) from credit_line c where c.outstanding_fen <>
   (select coalesce(sum(drawn_fen - repaid_fen), 0) from loan l where l.line_id = c.line_id)) as wrong_lines,
  (select count(*) from ends e join loan l using (loan_id)
   where e.drawn > l.amount_fen or e.balance < 0) as bad_days
"""
