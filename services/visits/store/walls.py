"""Whose the rows of visits' tables are."""

from typing import Final

from shared.platform.walls import COMMANDS, Via, Wall, Walls

_READ: Final = ("select",)
_OWN: Final = Wall(institution="institution_id", region="region_code", enterprise="enterprise_id")
_OF_ASSIGNMENT: Final = (Via("enterprise_id", "assignment", "enterprise_id"),)

WALLS: Final[Walls] = {
    "merger": Wall.reference(),  # ids alone: who is told here is named elsewhere, to whom it may
    "roster": Wall(institution="institution_id", tenants=_READ),
    "enterprise_place": Wall(
        region="region_code", enterprise="enterprise_id", via=_OF_ASSIGNMENT, tenants=_READ
    ),
    "campaign": Wall.reference(),
    "data_key": Wall(everyone=COMMANDS),  # a wrapped key alone opens nothing and names nobody
    "enrolment": Wall(
        region="region_code", enterprise="enterprise_id", via=_OF_ASSIGNMENT, tenants=_READ
    ),
    "assignment": Wall(
        institution="institution_id",
        region="region_code",
        enterprise="enterprise_id",
        tenants=_READ,
    ),
    "visit": _OWN,
    "need": _OWN,
    "photo": Wall(institution="institution_id", via=(Via("visit_id", "visit", "visit_id"),)),
    "refused_visit": _OWN,
    "approval": Wall(account="requested_by", tenants=("select", "update")),
}
