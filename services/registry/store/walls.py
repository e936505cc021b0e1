"""Whose the rows of registry's tables are: a bank sees whom it works for, and its own people."""

from typing import Final

from shared.platform.walls import COMMANDS, Via, Wall, Walls, context

_OF_ENTERPRISE: Final = (Via("enterprise_id", "enterprise", "enterprise_id"),)
_OF_IMPORT: Final = (Via("import_id", "import", "import_id"),)

WALLS: Final[Walls] = {
    "import": Wall(institution="institution_id"),
    "import_chunk": Wall(via=_OF_IMPORT),
    "import_row": Wall(via=_OF_IMPORT),
    "enterprise": Wall(
        region="region_code",
        enterprise="enterprise_id",
        where="exists (select from access a where a.enterprise_id = {table}.enterprise_id"
        f" and a.institution_id = {context('institution', 'uuid')})",
    ),
    "enterprise_name": Wall(via=_OF_ENTERPRISE),
    "enterprise_slice": Wall(via=_OF_ENTERPRISE),
    "list_member": Wall(via=_OF_ENTERPRISE),
    "person_data": Wall(
        via=(
            Via("subject_id", "enterprise", "enterprise_id"),
            Via("subject_id", "staff", "staff_id"),
            Via("subject_id", "party", "party_id"),
        )
    ),
    # A wrapped key alone opens nothing and names nobody.
    "data_key": Wall(everyone=COMMANDS),
    "upload": Wall(everyone=COMMANDS),
    "reveal": Wall(institution="institution_id", account="account_id", enterprise="subject_id"),
    "reveal_day": Wall(account="account_id"),
    "reveal_alarm": Wall(account="account_id", institution="institution_id"),
    "erasure": Wall(
        enterprise="subject_id",
        name="requested_by",
        via=(Via("subject_id", "enterprise", "enterprise_id"),),
    ),
    "enterprise_former_name": Wall(via=_OF_ENTERPRISE),
    "merger": Wall(via=(Via("survivor_id", "enterprise", "enterprise_id"),)),
    "disposition": Wall(institution="institution_id", via=_OF_ENTERPRISE),
    "row_decision": Wall(via=_OF_IMPORT),
    "fact_sheet": Wall(via=_OF_ENTERPRISE),
    "assessment": Wall(via=_OF_ENTERPRISE),
    "enterprise_stage": Wall(via=_OF_ENTERPRISE),
    "loan_statement": Wall(institution="institution_id", via=_OF_ENTERPRISE),
    "loan_balance": Wall(via=_OF_ENTERPRISE),
    "list_pin": Wall.reference(),
    "party": Wall.reference(),
    "party_slice": Wall.reference(),
    "region_move": Wall.reference(),
    "calendar_year": Wall.reference(),
    # All may see the points of an edition; whose they are the routes tell to those who may know.
    "map_edition": Wall(public=True, everyone=("insert", "update")),
    "map_entry": Wall(public=True, everyone=("insert",)),
    "export": Wall(where=f"{{table}}.asker->>'account_id' = {context('account')}"),
    "institution": Wall.reference(institution="institution_id"),
    "outlet": Wall(institution="institution_id", region="region_code"),
    "staff": Wall(institution="institution_id", via=(Via("outlet_id", "outlet", "outlet_id"),)),
    "access": Wall(institution="institution_id", tenants=("select",)),
}
