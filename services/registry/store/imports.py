"""Imports, their counts and the outcome of every row."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.registry.domain.records import Kind, Reason
from services.registry.store.bulk import add, execute
from shared.contracts.identity import Role
from shared.platform.database import Transaction

FINISHED: Final = ("done", "checked", "failed")
_FIELDS = (
    "import_id, kind, file_name, digest, suffix, sheet, list_vintage, valid_from, dry_run,"
    " account_id, role, institution_id, job_id, state, baseline, sheet_read, columns, rows, blank,"
    " skipped, dropped, error, created_at, finished_at, mapping, headers"
)


@dataclass(frozen=True, slots=True)
class Import:
    """An import as stored: what was asked, how far it is, what came out."""

    import_id: UUID
    kind: Kind
    file_name: str
    digest: str
    suffix: str
    sheet: str
    list_vintage: str | None
    valid_from: date
    dry_run: bool
    account_id: UUID | None
    role: Role | None
    institution_id: UUID | None
    job_id: UUID | None
    state: str
    baseline: str | None
    sheet_read: str | None
    columns: dict[str, str] | None
    rows: int | None
    blank: int
    skipped: list[tuple[int, str]] | None
    dropped: int | None
    error: dict[str, str] | None
    created_at: datetime
    finished_at: datetime | None
    mapping: str = ""
    headers: list[str] | None = None


@dataclass(slots=True)
class Counts:
    """How many rows came out how; new + changed + unchanged = taken."""

    rows: int = 0
    taken: int = 0
    refused: int = 0
    doubtful: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row; `change` is new, changed or unchanged where it was taken."""

    row: int
    outcome: str
    change: str
    key: str
    reasons: tuple[Reason, ...]


async def insert_import(tx: Transaction, new: Import) -> None:
    """Keep a new import."""
    names = [
        "import_id", "kind", "file_name", "digest", "suffix", "sheet", "list_vintage",
        "valid_from", "dry_run", "account_id", "role", "institution_id", "job_id", "created_at",
        "mapping",
    ]  # fmt: skip
    await tx.connection.execute(
        text(
            f"insert into import ({', '.join(names)})"
            f" values ({', '.join(f':{name}' for name in names)})"
        ),
        {name: getattr(new, name) for name in names},
    )


async def find_import(tx: Transaction, import_id: UUID) -> Import | None:
    """An import by its id."""
    found = await tx.connection.execute(
        text(f"select {_FIELDS} from import where import_id = :id"), {"id": import_id}
    )
    row = found.one_or_none()
    return Import(*row) if row else None


async def list_imports(
    tx: Transaction, *, institution_id: UUID | None, before: datetime | None, limit: int
) -> list[Import]:
    """The newest imports, of one institution where one is given."""
    found = await tx.connection.execute(
        text(
            f"select {_FIELDS} from import where (cast(:institution as uuid) is null or"
            " institution_id = :institution) and (cast(:before as timestamptz) is null or"
            " created_at < :before) order by created_at desc limit :limit"
        ),
        {"institution": institution_id, "before": before, "limit": limit},
    )
    return [Import(*row) for row in found]


async def set_import(tx: Transaction, import_id: UUID, **values: Any) -> None:
    """Change columns of an import; mappings and lists go in as JSON."""
    shown = {
        name: msgspec.json.encode(value).decode() if isinstance(value, (dict, list)) else value
        for name, value in values.items()
    }
    sets = ", ".join(
        f"{name} = cast(:{name} as jsonb)"
        if isinstance(values[name], (dict, list))
        else f"{name} = :{name}"
        for name in values
    )
    await tx.connection.execute(
        text(f"update import set {sets} where import_id = :id"), {"id": import_id} | shown
    )


async def end_import(tx: Transaction, import_id: UUID, state: str, **values: Any) -> bool:
    """Say how an import ended; False where that was said before, and then stands."""
    found = await tx.connection.execute(
        text("select state from import where import_id = :id for update"), {"id": import_id}
    )
    if found.scalar_one() in FINISHED:
        return False
    await set_import(tx, import_id, state=state, **values)
    return True


async def lock_kind(tx: Transaction, kind: Kind) -> None:
    """Wait until nobody else is taking rows of lists, banks or facts; others then wait for us."""
    name = {"enterprises": "lists", "facts": "facts"}.get(kind, "banks")
    await execute(tx, "select pg_advisory_xact_lock(hashtextextended($1, 0))", name)


async def clock(tx: Transaction) -> datetime:
    """The platform's time at this moment, not at the transaction's beginning."""
    found = await tx.connection.execute(text("select yinqi_now()"))
    return found.scalar_one()


async def counts_of(tx: Transaction, *import_ids: UUID) -> list[Counts]:
    """The sums over the chunks written, in the order of the imports."""
    found = await tx.connection.execute(
        text(
            "select import_id, sum(rows), sum(taken), sum(refused), sum(doubtful), sum(new),"
            " sum(changed), sum(unchanged) from import_chunk where import_id = any(:ids)"
            " group by import_id"
        ),
        {"ids": list(import_ids)},
    )
    known = {row[0]: Counts(*map(int, row[1:])) for row in found}
    return [known.get(each) or Counts() for each in import_ids]


async def add_chunk(
    tx: Transaction, import_id: UUID, n: int, counts: Counts, outcomes: Sequence[RowOutcome]
) -> None:
    """Keep a chunk's outcome, and that of each of its rows."""
    await add(
        tx,
        "import_chunk",
        ("import_id", "n", "rows", "taken", "refused", "doubtful", "new", "changed", "unchanged"),
        [
            (
                import_id,
                n,
                counts.rows,
                counts.taken,
                counts.refused,
                counts.doubtful,
                counts.new,
                counts.changed,
                counts.unchanged,
            )
        ],
    )
    encode = msgspec.json.Encoder().encode
    await add(
        tx,
        "import_row",
        ("import_id", "row_no", "outcome", "change", "key", "reasons"),
        [
            (
                import_id,
                each.row,
                each.outcome,
                each.change,
                each.key,
                encode(each.reasons).decode() if each.reasons else None,
            )
            for each in outcomes
        ],
    )


async def rows_of(
    tx: Transaction, import_id: UUID, *, outcome: str | None, after: int, limit: int
) -> list[RowOutcome]:
    """Outcomes of rows behind `after`, in the order of the sheet."""
    found = await tx.connection.execute(
        text(
            "select row_no, outcome, change, key, reasons from import_row where import_id = :id"
            " and row_no > :after and (cast(:outcome as text) is null or outcome = :outcome)"
            " order by row_no limit :limit"
        ),
        {"id": import_id, "after": after, "outcome": outcome, "limit": limit},
    )
    return [RowOutcome(r.row_no, r.outcome, r.change, r.key, _reasons(r.reasons)) for r in found]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A doubtful row, and the import it is of."""

    import_id: UUID
    kind: str
    list_vintage: str | None
    row: int
    key: str
    reasons: tuple[Reason, ...]


async def waiting_rows(
    tx: Transaction, *, institution_id: UUID | None, after: tuple[UUID, int] | None, limit: int
) -> list[WaitingRow]:
    """Doubtful rows of imports that are through; of one institution where one is given."""
    found = await tx.connection.execute(
        text(
            "select i.import_id, i.kind, i.list_vintage, r.row_no, r.key, r.reasons"
            " from import_row r join import i using (import_id) where r.outcome = 'doubtful'"
            " and i.state = 'done' and not i.dry_run and (cast(:institution as uuid) is null or"
            " i.institution_id = :institution) and (r.import_id, r.row_no) > (:import_id, :row)"
            " order by r.import_id, r.row_no limit :limit"
        ),
        {
            "institution": institution_id,
            "import_id": after[0] if after else UUID(int=0),
            "row": after[1] if after else 0,
            "limit": limit,
        },
    )
    return [
        WaitingRow(r.import_id, r.kind, r.list_vintage, r.row_no, r.key, _reasons(r.reasons))
        for r in found
    ]


async def lock_row(tx: Transaction, import_id: UUID, row: int) -> RowOutcome | None:
    """A row's outcome, locked."""
    found = await tx.connection.execute(
        text(
            "select row_no, outcome, change, key, reasons from import_row where import_id = :id"
            " and row_no = :row for update"
        ),
        {"id": import_id, "row": row},
    )
    r = found.one_or_none()
    return RowOutcome(r.row_no, r.outcome, r.change, r.key, _reasons(r.reasons)) if r else None


async def settle_row(
    tx: Transaction, import_id: UUID, row: RowOutcome, outcome: str, change: str
) -> None:
    """Give a doubtful row its outcome; the import's counts follow, under a number of its own."""
    await tx.connection.execute(
        text(
            "update import_row set outcome = :outcome, change = :change where import_id = :id"
            " and row_no = :row"
        ),
        {"outcome": outcome, "change": change, "id": import_id, "row": row.row},
    )
    counts = Counts(doubtful=-1)
    for name in filter(None, (outcome, change)):
        setattr(counts, name, 1)
    await _correct_counts(tx, import_id, row.row, counts)


async def _correct_counts(tx: Transaction, import_id: UUID, row: int, counts: Counts) -> None:
    """What a person's decision on a row adds to the import's counts, over what stood there."""
    names = [each.name for each in fields(Counts)]
    await tx.connection.execute(
        text(
            f"insert into import_chunk (import_id, n, {', '.join(names)})"
            f" values (:id, :n, {', '.join(f':{name}' for name in names)})"
            " on conflict (import_id, n) do update set"
            f" {', '.join(f'{name} = excluded.{name}' for name in names)}"
        ),
        {"id": import_id, "n": -row} | asdict(counts),
    )


async def reopen_row(tx: Transaction, import_id: UUID, row: int, reason: str) -> bool:
    """A row that a person refused is doubtful again; False where nobody refused it."""
    values = {"id": import_id, "row": row}
    reopened = await tx.connection.execute(
        text(
            "update row_decision set decision = 'reopen', reason = :reason, decided_by = :by,"
            " decided_at = :at where import_id = :id and row_no = :row and decision = 'refuse'"
        ),
        values | {"reason": reason, "by": tx.principal.name, "at": tx.now},
    )
    if not reopened.rowcount:
        return False
    await _correct_counts(tx, import_id, row, Counts())
    await tx.connection.execute(
        text("update import_row set outcome = 'doubtful' where import_id = :id and row_no = :row"),
        values,
    )
    return True


async def add_decision(
    tx: Transaction,
    import_id: UUID,
    row: int,
    *,
    decision: str,
    enterprise_id: UUID | None,
    corrections: dict[str, str],
    reason: str,
) -> None:
    """Keep who decided what on a row, and why."""
    await tx.connection.execute(
        text(
            "insert into row_decision values (:id, :row, :decision, :enterprise,"
            " cast(:corrections as jsonb), :reason, :by, :at) on conflict (import_id, row_no)"
            " do update set decision = excluded.decision, enterprise_id = excluded.enterprise_id,"
            " corrections = excluded.corrections, reason = excluded.reason,"
            " decided_by = excluded.decided_by, decided_at = excluded.decided_at"
        ),
        {
            "id": import_id,
            "row": row,
            "decision": decision,
            "enterprise": enterprise_id,
            "corrections": msgspec.json.encode(corrections).decode(),
            "reason": reason,
            "by": tx.principal.name,
            "at": tx.now,
        },
    )


async def all_outcomes(tx: Transaction, import_id: UUID) -> dict[int, tuple[str, str]]:
    """Each row's outcome and its reasons as one Chinese text, for the report."""
    found = await tx.connection.execute(
        text("select row_no, outcome, change, reasons from import_row where import_id = :id"),
        {"id": import_id},
    )
    names = {
        "new": "新增", "changed": "变更", "unchanged": "无变化",
        "refused": "未导入", "doubtful": "待确认",
    }  # fmt: skip
    return {
        row.row_no: (
            names[row.change or row.outcome],
            ";".join(f"{r.column}:{r.message}" for r in _reasons(row.reasons)),
        )
        for row in found
    }


def _reasons(stored: Any) -> tuple[Reason, ...]:
    return tuple(Reason(*each) for each in stored or ())
