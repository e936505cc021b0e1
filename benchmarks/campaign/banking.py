"""Applications and decisions on the platform; lines, loans and money pushed by the banks' cores."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count

from benchmarks.campaign.agreeing import Asked, by_two
from benchmarks.campaign.api import Failed, Json
from benchmarks.campaign.book import (
    DRAWDOWN,
    KINDS,
    LINE,
    LOAN,
    REPAYMENT,
    REVERSAL,
    Deed,
    Story,
    early_loan,
)
from benchmarks.campaign.steps import Step
from benchmarks.campaign.visiting import Planned
from benchmarks.campaign.waiting import gathered, until
from benchmarks.campaign.world import OPENS_ON, YEAR_END, Bank, Firm, Held, Need, World
from shared.kernel.money import fen_from_yuan, yuan

CREDIT = "/credit/v1"
BATCH = 1_000
PRODUCTS = ("sukedai", "xiaoweidai", "rencaidai")
DECLINED = (
    "material_incomplete",
    "operating_time_short",
    "cash_flow_insufficient",
    "security_insufficient",
    "no_suitable_product",
)
#: What a row is refused for while an event is still on its way.
NOT_YET = ("enterprise.unknown", "outlet.unknown")


class Application:
    """An application that will be filed after a visit, and how it will be decided."""

    __slots__ = ("application_id", "decided_on", "filed_on", "firm", "held", "name", "need")

    def __init__(self, world: World, firm: Firm, held: Held, need: Need, name: str, day: date):
        dice = world.dice
        self.firm, self.held, self.need, self.name = firm, held, need, name
        self.application_id = str(dice.id("application", name, firm.uscc))
        self.filed_on = day + timedelta(days=3 + dice.below(18, "filed", name, firm.uscc))
        self.decided_on = self.filed_on + timedelta(
            days=2 + dice.below(9, "decided", name, firm.uscc)
        )


class Banking:
    """What is under way at the banks: applications to file, to decide, and deeds to push."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._to_file: list[Application] = []
        self._to_decide: list[Application] = []
        self._to_push: list[Deed] = []
        self._matched: set[str] = set()
        self._limits: dict[str, int] = {}

    @property
    def matched(self) -> int:
        """Enterprises with a line or a loan since the opening, from any bank (JS-19)."""
        return len(self._matched)

    # -- where deeds come from

    def early_loans(self) -> None:
        """What enterprises owed before the campaign began."""
        world = self._world
        by_code = {bank.code: bank for bank in world.banks.values()}
        for firm in world.firms.values():
            for code in firm.lenders:
                bank = by_code.get(code)
                if bank is not None and bank.outlets:
                    story = self._story(firm, bank, f"E{code}", None)
                    early_loan(story, world.dice, firm, code)
                    self._to_push += story.deeds

    def after_visits(self, visits: Sequence[Planned], wave: int) -> None:
        """Enterprises that told a need apply to the bank that came, photo or not."""
        world = self._world
        for one in visits:
            need = one.firm.need
            share = world.options.shares.applied
            if need and world.dice.chance(share, "apply", wave, one.firm.uscc):
                self._to_file.append(
                    Application(world, one.firm, one.held, need, f"V{wave}", one.visited_on)
                )

    def own_accord(self, first: date, last: date, share: float, name: str) -> None:
        """Banks that lent before do so again, whoever has the enterprise (JS-21)."""
        world = self._world
        by_code = {bank.code: bank for bank in world.banks.values()}
        for firm in world.firms.values():
            bank = by_code.get(firm.lenders[-1]) if firm.lenders else None
            if bank is None or not world.dice.chance(share, name, firm.uscc):
                continue
            day = world.dice.day(first, last, name, "day", firm.uscc)
            fen = (10 + 5 * world.dice.below(30, name, "fen", firm.uscc)) * 1_000_000
            need = Need(
                amount_fen=fen,
                term_months=12,
                purpose="working_capital",
                eligible=True,
                approved_fen=fen,
                drawn_fen=fen // 2 if world.dice.chance(0.6, name, "drawn", firm.uscc) else 0,
            )
            story = self._story(firm, bank, name, None)
            story.financing(need, day)
            self._to_push += story.deeds

    def _story(self, firm: Firm, bank: Bank, name: str, outlet_id: str | None) -> Story:
        dice = self._world.dice
        chosen = outlet_id or dice.pick(
            bank.outlets_in(firm.city_code), "booked at", name, firm.uscc
        )
        return Story(dice, firm, bank, chosen, name)

    # -- working them off

    async def work_until(self, last: date, title: str) -> None:
        """File, decide and push what has come due up to `last`."""
        world = self._world
        filing = [one for one in self._to_file if one.filed_on <= last]
        self._to_file = [one for one in self._to_file if one.filed_on > last]
        self._to_decide += filing
        deciding = [one for one in self._to_decide if one.decided_on <= last]
        self._to_decide = [one for one in self._to_decide if one.decided_on > last]
        with world.steps.step(f"{title}:申请与决定 applications") as step:
            step.of(len(filing) + len(deciding))
            await gathered([self._file(one, step) for one in filing])
            await gathered([self._decide(one, step) for one in deciding])
            for one in filing:
                self._note_filed(one)
            for one in deciding:
                self._note_decided(one)
            step.note(f"{len(filing):,} 笔申请 filed,{len(deciding):,} 笔决定 decided")
        await self.push_until(last, f"{title}:授信与贷款 bank cores")

    async def push_until(self, last: date, title: str) -> None:
        """Each bank's core pushes what has come due, kind after kind."""
        world = self._world
        due = [deed for deed in self._to_push if deed.send_on <= last]
        self._to_push = [deed for deed in self._to_push if deed.send_on > last]
        by_bank: dict[str, list[Deed]] = defaultdict(list)
        for deed in sorted(due, key=lambda each: (each.on, each.external_id)):
            by_bank[deed.institution_id].append(deed)
        with world.steps.step(title) as step:
            step.of(len(due))
            await gathered([self._push_bank(bank, by_bank[bank], step) for bank in by_bank])
            for deed in sorted(due, key=lambda each: (each.kind, each.external_id)):
                self._note_pushed(deed)
            counts = {kind: sum(deed.kind == kind for deed in due) for kind in KINDS}
            step.note(", ".join(f"{kind} {n:,}" for kind, n in counts.items() if n))

    async def _file(self, one: Application, step: Step) -> None:
        world = self._world
        body = {
            "application_id": one.application_id,
            "campaign_id": world.campaign_id,
            "enterprise_id": one.firm.enterprise_id,
            "outlet_id": one.held.desk.outlet_id,
            "product_code": self._product_of(one),
            "amount": yuan(one.need.amount_fen),
            "filed_on": one.filed_on.isoformat(),
        }
        await world.api.post(world.manager_of(one.held.desk), f"{CREDIT}/applications", body)
        step.done()

    async def _decide(self, one: Application, step: Step) -> None:
        world = self._world
        body: Json = {"approved": one.need.eligible, "decided_on": one.decided_on.isoformat()}
        if one.need.eligible:
            body["amount"] = yuan(one.need.approved_fen)
        else:
            body["reason_code"] = world.dice.pick(DECLINED, "declined", one.firm.uscc)
        bank = world.banks[one.held.institution_id]
        path = f"{CREDIT}/applications/{one.application_id}/decision"
        if one.need.approved_fen > await self._limit_of(one):
            asked = Asked("application.override", one.application_id, "超出产品上限批准", body)
            branch_head = world.callers[bank.all_desks()[0].head.username]
            await by_two(world, branch_head, world.head_of(bank), path, asked)
        else:
            await world.api.post(world.head_of(bank), path, body)
        step.done()

    def _product_of(self, one: Application) -> str:
        return self._world.dice.pick(PRODUCTS, "product", one.name, one.firm.uscc)

    async def _limit_of(self, one: Application) -> int:
        if not self._limits:
            catalogue = await self._world.api.get(self._world.regulator, f"{CREDIT}/products")
            self._limits = {p["code"]: fen_from_yuan(p["limit"]) for p in catalogue["items"]}
        return self._limits[self._product_of(one)]

    def _note_filed(self, one: Application) -> None:
        self._world.journal.note(
            "application",
            application_id=one.application_id,
            enterprise_id=one.firm.enterprise_id,
            institution_id=one.held.institution_id,
            outlet_id=one.held.desk.outlet_id,
            on=one.filed_on,
            fen=one.need.amount_fen,
        )

    def _note_decided(self, one: Application) -> None:
        world = self._world
        world.journal.note(
            "decision",
            application_id=one.application_id,
            enterprise_id=one.firm.enterprise_id,
            institution_id=one.held.institution_id,
            approved=one.need.eligible,
            on=one.decided_on,
        )
        if one.need.eligible and one.decided_on <= YEAR_END:
            bank = world.banks[one.held.institution_id]
            story = self._story(one.firm, bank, one.name, one.held.desk.outlet_id)
            story.financing(one.need, one.decided_on)
            self._to_push += story.deeds

    async def _push_bank(self, institution_id: str, deeds: list[Deed], step: Step) -> None:
        for kind in KINDS:
            rows = [deed for deed in deeds if deed.kind == kind]
            for start in range(0, len(rows), BATCH):
                await self._push(institution_id, kind, rows[start : start + BATCH])
                step.done(len(rows[start : start + BATCH]))

    async def _push(self, institution_id: str, kind: str, deeds: list[Deed]) -> None:
        """Push a batch; rows that rest on an event still under way are pushed again."""
        world = self._world
        core = world.cores[institution_id]
        left = [deed.row for deed in deeds]
        turns = count()

        async def ask() -> str:
            path = f"{CREDIT}/{kind}:batch"
            answer = await world.api.post(core, path, {"rows": left}, turn=next(turns))
            refused = [row for row in answer["rows"] if row["status"] == "refused"]
            fatal = [r for r in refused if any(e["code"] not in NOT_YET for e in r["errors"])]
            if fatal:
                row = fatal[0]
                problem = {
                    "title": f"{len(fatal)} 行被拒绝,首行 {row['external_id']}",
                    "errors": row["errors"],
                }
                raise Failed(f"POST {CREDIT}/{kind}:batch", 200, problem)
            left[:] = [left[row["row"] - 1] for row in refused]
            return f"{len(left)} rows of {kind}: {refused[0]['errors']}" if left else ""

        await until(ask, f"{world.banks[institution_id].code} {kind}")

    def _note_pushed(self, deed: Deed) -> None:
        tally = self._world.tally
        signed = {DRAWDOWN: 1, REPAYMENT: -1, REVERSAL: -1}.get(deed.kind, 0)
        tally.balance_fen += signed * deed.fen
        if deed.on >= OPENS_ON:
            tally.lines += deed.kind == LINE
            if deed.kind in (LINE, LOAN):
                self._matched.add(deed.enterprise_id)
            if deed.kind in (DRAWDOWN, REVERSAL) and deed.new_money:
                tally.granted_fen += signed * deed.fen
        loan = deed.row.get("loan_external_id") or deed.row.get("drawdown_external_id")
        self._world.journal.note(
            deed.kind.removesuffix("s"),
            external_id=deed.external_id,
            of=loan,
            enterprise_id=deed.enterprise_id,
            institution_id=deed.institution_id,
            outlet_id=deed.outlet_id,
            on=deed.on,
            fen=deed.fen,
            new_money=deed.new_money,
        )
