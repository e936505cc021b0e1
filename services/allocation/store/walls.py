"""Whose the rows of allocation's tables are: a bank's, a city's, or the province's alone."""

from typing import Final

from shared.platform.walls import COMMANDS, Via, Wall, Walls

_READ: Final = ("select",)
_PROVINCE: Final = Wall()
_OWN: Final = Wall(institution="institution_id", region="region_code", enterprise="enterprise_id")

WALLS: Final[Walls] = {
    "merger": Wall.reference(),  # ids alone: who is told here is named elsewhere, to whom it may
    "institution": Wall.reference(),
    "outlet": Wall(institution="institution_id", region="region_code", tenants=_READ),
    "roster": Wall(institution="institution_id", tenants=_READ),
    "list_entry": Wall(region="region_code", enterprise="enterprise_id", tenants=_READ),
    "list_import": _PROVINCE,
    "enterprise_change": Wall(region="region_code", enterprise="enterprise_id", tenants=_READ),
    "financing": Wall(institution="institution_id", enterprise="enterprise_id", tenants=_READ),
    "campaign": Wall.reference(),
    "enrolment": Wall(region="region_code", enterprise="enterprise_id", tenants=_READ),
    "plan": Wall(shown="state in ('published', 'superseded')", tenants=()),
    "plan_city": Wall(institution="institution_id", region="city_code", tenants=_READ),
    "plan_row": Wall(
        institution="institution_id",
        region="region_code",
        enterprise="enterprise_id",
        tenants=_READ,
    ),
    "plan_load": Wall(institution="institution_id", region="city_code", tenants=_READ),
    "plan_shortage": Wall(region="city_code", tenants=_READ),
    "assignment": Wall(
        institution="institution_id",
        region="region_code",
        enterprise="enterprise_id",
        tenants=("select", "update"),
    ),
    "scenario": Wall(region="city_code", tenants=COMMANDS),
    "profile": Wall.reference(),
    "amendment": Wall.reference(),
    "capacity_set": Wall(institution="institution_id", region="city_code"),
    "assignment_return": _OWN,
    "claim": _OWN,
    "approval": Wall(account="requested_by", tenants=("select", "update")),
    "contact": Wall(via=(Via("assignment_id", "assignment", "assignment_id"),)),
}
