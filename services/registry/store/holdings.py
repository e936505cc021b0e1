"""All rows on one enterprise, or one person of the directory, table by table."""

from typing import Any, Final
from uuid import UUID

from services.registry.store.bulk import fetch
from shared.platform.database import Transaction

Tables = dict[str, str]

#: Table → columns to show, and the column that names the subject.
OF_ENTERPRISE: Final[tuple[Tables, str]] = (
    {
        "enterprise": "enterprise_id, uscc, name, registration_no, founded_on, registered_address,"
        " business_address, region_code, industry_code, has_loan, employees, list_vintage,"
        " merged_into, cancelled_on",
        "enterprise_former_name": "name, valid_to, reason, recorded_at",
        "enterprise_slice": "valid_from, region_code, industry_code, address, reason, recorded_at",
        "list_member": "list_vintage, import_id, row_no, region_code, industry_code, has_loan,"
        " employees, revenue_fen, rd_fen",
        "disposition": "kind, disposed_on, evidence, state, claimed_at, decided_at,"
        " decision_reason",
        "access": "assignment_id, institution_id",
    },
    "enterprise_id",
)
OF_PARTY: Final[tuple[Tables, str]] = (
    {
        "party": "party_id, kind, code",
        "party_slice": "valid_from, parent_id, region_code, details, active, reason, recorded_at",
    },
    "party_id",
)


async def rows_of(
    tx: Transaction, tables: Tables, key: str, subject_id: UUID
) -> dict[str, list[dict[str, Any]]]:
    """Table → rows, as text."""
    held: dict[str, list[dict[str, Any]]] = {}
    for table, columns in tables.items():
        rows = await fetch(tx, f"select {columns} from {table} where {key} = $1", subject_id)
        held[table] = [
            {name: "" if value is None else str(value) for name, value in row.items()}
            for row in rows
        ]
    return held
