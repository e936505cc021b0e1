"""Whose the rows of reporting's tables are; published editions are for regulators and bureaus."""

from typing import Final

from services.reporting.store.tables import REBUILT
from shared.platform.walls import Wall, Walls, context

_READ: Final = ("select",)

WALLS: Final[Walls] = {
    # What lies behind a signed row is seen by whoever sees that row.
    "fact": Wall(
        institution="institution",
        county="county",
        enterprise="ent",
        where="exists (select from delta d where d.ent = {table}.ent and d.cause = {table}.cause)",
        tenants=_READ,
    ),
    "delta": Wall(institution="institution", county="county", enterprise="ent", tenants=_READ),
    "delta_month": Wall(institution="institution", county="county", tenants=_READ),
    "enterprise": Wall.reference(),
    "institution": Wall.reference(),
    "outlet": Wall(institution="institution", county="county", tenants=_READ),
    "campaign": Wall.reference(),
    "pulse": Wall.reference(),
    "approval": Wall(account="requested_by", tenants=("select", "update")),
    "bulletin": Wall(
        shown=f"{context('city')} is not null", tenants=(), commands=("select", "insert")
    ),
    # What an interrupted rebuild leaves until the next one.
    **{f"{table}_new": Wall.system() for table in REBUILT},
}
