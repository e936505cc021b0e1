"""Subject access: everything the registry holds on an enterprise and its persons (M5).

The same for a person of the directory: an expert, a member of a task force.
"""

from typing import Any
from uuid import UUID

from services.registry.domain.parties import PERSONS
from services.registry.store import holdings as store
from services.registry.store import parties, reveals
from services.registry.usecases.vault import open_reveal
from shared.kernel.errors import Refused
from shared.platform.database import Transaction


async def holdings(tx: Transaction, reveal_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Table → rows, persons in plain; rests on an unveiling at the subject's request.

    Raises: as `open_reveal`; Refused `reveal.other_purpose`.
    """
    person = await open_reveal(tx, reveal_id)
    reveal = await reveals.find(tx, reveal_id)
    if reveal is None or reveal.purpose != "subject_request":
        raise Refused("reveal.other_purpose", "此次查看的用途不是“应本人要求”")
    persons = [
        {
            "legal_representative": person.name,
            "phone": person.phone,
            "id_type": person.id_type,
            "id_number": person.id_number,
        }
    ]
    looked = [
        {
            "at": each.at.isoformat(),
            "role": each.role,
            "institution_id": str(each.institution_id or ""),
            "purpose": each.purpose,
            "reason": each.reason,
        }
        for each in await reveals.of_subject(tx, reveal.subject_id, before=None, limit=500)
    ]
    of_party = await parties.kind_of(tx, reveal.subject_id) in PERSONS
    tables, key = store.OF_PARTY if of_party else store.OF_ENTERPRISE
    held = await store.rows_of(tx, tables, key, reveal.subject_id)
    return {"person": persons, "who_looked": looked} | held
