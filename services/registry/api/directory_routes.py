"""Routes of the directory's parties, of regions that changed, and of the working calendar."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from services.registry.domain.parties import Slice
from services.registry.store.parties import Party, WantedParties
from services.registry.store.persons import keyring
from services.registry.store.regions import Move, Year
from services.registry.usecases import parties, regions
from services.registry.usecases.parties import EnterParty, party_id_of
from services.registry.usecases.regions import MoveBorder, SetYear
from shared.contracts.registry import PartyKind
from shared.platform.access import may
from shared.platform.web import Cursor, In, Limit, Out, Run, decode_cursor, page_of

router = APIRouter(tags=["directory"])
CODE = r"^[A-Za-z0-9._/-]{1,64}$"


class ParentIn(In):
    """Where a party stands in its tree."""

    kind: PartyKind
    code: str = Field(pattern=CODE)


class PartyIn(In):
    """A party as it is from a day on; `active` false: from then on it is gone."""

    kind: PartyKind
    code: str = Field(pattern=CODE)
    name: str = Field(min_length=1, max_length=200)
    parent: ParentIn | None = None
    region_code: str | None = Field(default=None, pattern=r"^\d{6}$")
    details: dict[str, str | bool | int] = Field(default_factory=dict, max_length=10)
    active: bool = True
    valid_from: date
    reason: str = Field(default="", max_length=200)

    def command(self) -> EnterParty:
        """What the use case takes."""
        return EnterParty(
            kind=self.kind,
            code=self.code,
            name=self.name,
            parent=(self.parent.kind, self.parent.code) if self.parent else None,
            region_code=self.region_code,
            details=dict(self.details),
            active=self.active,
            valid_from=self.valid_from,
            reason=self.reason,
        )


class PartiesIn(In):
    """Parties, parents before children; all are entered, or none."""

    items: list[PartyIn] = Field(min_length=1, max_length=1_000)


class EnteredOut(Out):
    """The ids, in the order of the request."""

    party_ids: list[UUID]


class PartyOut(Out):
    """A party as it stands on the day asked for."""

    party_id: UUID
    kind: PartyKind
    code: str
    name: str
    parent_id: UUID | None
    region_code: str | None
    details: dict[str, Any]
    active: bool
    valid_from: date

    @classmethod
    def of(cls, party: Party) -> "PartyOut":
        held = party.held
        return cls(
            party_id=party.party_id,
            kind=party.kind,
            code=party.code,
            name=held.name,
            parent_id=held.parent_id,
            region_code=held.region_code,
            details=held.details,
            active=held.active,
            valid_from=held.valid_from,
        )


class PartyPage(Out):
    """Parties by kind and code."""

    items: list[PartyOut]
    next_cursor: str | None


class PartySliceOut(Out):
    """What held of a party from a day on."""

    valid_from: date
    name: str
    parent_id: UUID | None
    region_code: str | None
    details: dict[str, Any]
    active: bool
    reason: str


class PartyHistory(Out):
    """A party's slices, the oldest first."""

    party_id: UUID
    items: list[PartySliceOut]

    @classmethod
    def of(cls, found: tuple[UUID, list[Slice]]) -> "PartyHistory":
        slices = [PartySliceOut.model_validate(each) for each in found[1]]
        return cls(party_id=found[0], items=slices)


class MoveIn(In):
    """What lies in these townships (null: the whole county) is in another county from a day on."""

    from_code: str = Field(pattern=r"^\d{6}$")
    to_code: str = Field(pattern=r"^\d{6}$")
    townships: list[Annotated[str, Field(min_length=2, max_length=40)]] | None = None
    valid_from: date
    reason: str = Field(min_length=1, max_length=200)


class MoveOut(Out):
    """A border that moved.

    `left_alone`: enterprises with a change of their own after that day, for a person to look at.
    """

    move_id: UUID
    from_code: str
    to_code: str
    townships: list[str] | None
    valid_from: date
    reason: str
    job_id: UUID
    recorded_at: datetime
    moved: int | None
    left_alone: int | None

    @classmethod
    def of(cls, move: Move) -> "MoveOut":
        return cls.model_validate(move)


class MoveList(Out):
    """Moves, the latest day first."""

    items: list[MoveOut]
    next_cursor: None = None


class YearIn(In):
    """A year's exceptions from the week; `provisional` until the State Council's order is out."""

    days_off: list[date] = Field(max_length=100)
    days_worked: list[date] = Field(max_length=100)
    provisional: bool = False


class YearOut(Out):
    """A year's exceptions from the week."""

    year: int
    provisional: bool
    days_off: list[date]
    days_worked: list[date]

    @classmethod
    def of(cls, year: Year) -> "YearOut":
        return cls.model_validate(year)


@router.post(
    "/parties",
    status_code=201,
    response_model=EnteredOut,
    dependencies=[may("directory", "update")],
)
async def post_parties(body: PartiesIn, run: Run) -> Response:
    """登记名录:银行集团、分行、网点的上下级,担保、合作机构,专家,监管分局,科技部门,科技园区。"""
    commands = [each.command() for each in body.items]
    return await run(
        parties.enter_parties,
        commands,
        answer=lambda ids: EnteredOut(party_ids=ids),
        status=201,
        # Kept under a keyed value: an expert's name can be guessed back from a plain hash.
        fingerprint=keyring().mac(body.model_dump_json()),
    )


@router.get("/parties", dependencies=[may("directory", "read")])
async def get_parties(
    *,
    run: Run,
    kind: PartyKind | None = None,
    region: Annotated[str | None, Query(pattern=r"^\d{6}$")] = None,
    below: Annotated[str | None, Query(description="类别:编码,列出其全部下级")] = None,
    on: date | None = None,
    gone: bool = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> PartyPage:
    """名录在某日(默认今天)的状态。"""
    place = decode_cursor(cursor, str)
    root = _root(below)
    found = await run.read(_find, kind, region, root, on, gone, place and place[0], limit)
    items, following = page_of(found, limit, lambda each: (f"{each.kind}/{each.code}",))
    return PartyPage(items=[PartyOut.of(each) for each in items], next_cursor=following)


async def _find(tx: Any, *wanted: Any) -> list[Party]:
    kind, region, below, on, gone, after, limit = wanted
    return await parties.find_parties(
        tx,
        WantedParties(
            day=on or tx.today,
            kind=kind,
            region=region,
            below=below,
            gone=gone,
            after=after,
            limit=limit,
        ),
    )


def _root(below: str | None) -> UUID | None:
    if not below:
        return None
    kind, _, code = below.partition(":")
    return party_id_of(kind, code or "-")  # pyright: ignore[reportArgumentType]


@router.get("/parties/{party_id}/history", dependencies=[may("directory", "read")])
async def get_party_history(party_id: UUID, run: Run) -> PartyHistory:
    """名录中一项的历次变更。"""
    return PartyHistory.of((party_id, await run.read(parties.history_of, party_id)))


@router.post(
    "/regions/moves",
    status_code=202,
    response_model=MoveOut,
    dependencies=[may("directory", "update")],
)
async def post_region_move(body: MoveIn, run: Run) -> Response:
    """区划调整:自某日起,某区县(或其若干乡镇、街道)的企业划入另一区县;以前的统计不变。"""
    command = MoveBorder(
        from_code=body.from_code,
        to_code=body.to_code,
        townships=tuple(body.townships) if body.townships else None,
        valid_from=body.valid_from,
        reason=body.reason,
    )
    return await run(regions.move_border, command, answer=MoveOut.of, status=202)


@router.get("/regions/moves", dependencies=[may("directory", "read")])
async def get_region_moves(run: Run) -> MoveList:
    """历次区划调整。"""
    found = await run.read(regions.list_moves)
    return MoveList(items=[MoveOut.of(each) for each in found])


@router.get("/calendar/{year}", dependencies=[may("campaign", "read")])
async def get_calendar_year(year: Annotated[int, Path(ge=2000, le=2100)], run: Run) -> YearOut:
    """一年的工作日安排;provisional 表示尚未公布,只按周末与固定节日推算。"""
    return YearOut.of(await run.read(regions.year_of, year))


@router.put("/calendar/{year}", response_model=YearOut, dependencies=[may("directory", "update")])
async def put_calendar_year(
    year: Annotated[int, Path(ge=2000, le=2100)], body: YearIn, run: Run
) -> Response:
    """录入一年的放假与调休安排。"""
    command = SetYear(
        year=year,
        days_off=tuple(body.days_off),
        days_worked=tuple(body.days_worked),
        provisional=body.provisional,
    )
    return await run(regions.set_year, command, answer=YearOut.of)
