"""All rows on one enterprise, table by table."""

from typing import Any, Final
from uuid import UUID

from services.registry.store.bulk import fetch
from shared.platform.database import Transaction

#: Table → columns to show; keyed by the enterprise.
TABLES: Final[dict[str, str]] = {
    "enterprise": "enterprise_id, uscc, name, registration_no, founded_on, registered_address,"
    " business_address, region_code, industry_code, has_loan, employees, list_vintage,"
    " merged_into, cancelled_on",
    "enterprise_former_name": "name, valid_to, reason, recorded_at",
    "enterprise_slice": "valid_from, region_code, industry_code, address, reason, recorded_at",
    "list_member": "list_vintage, import_id, row_no, region_code, industry_code, has_loan,"
    " employees, revenue_fen, rd_fen",
    "disposition": "kind, disposed_on, evidence, state, claimed_at, decided_at, decision_reason",
    "access": "assignment_id, institution_id",
}


async def of_enterprise(tx: Transaction, enterprise_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Table → rows, as text."""
    held: dict[str, list[dict[str, Any]]] = {}
    for table, columns in TABLES.items():
        rows = await fetch(
            tx, f"select {columns} from {table} where enterprise_id = $1", enterprise_id
        )
        held[table] = [
            {name: "" if value is None else str(value) for name, value in row.items()}
            for row in rows
        ]
    return held
