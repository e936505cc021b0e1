"""Whose the rows of credit's tables are: a bank's own book; a city's by where the enterprise is."""

from typing import Final

from shared.platform.walls import COMMANDS, Via, Wall, Walls

_BOOK: Final = Wall(
    institution="institution_id", city_of="enterprise_id", enterprise="enterprise_id"
)

WALLS: Final[Walls] = {
    "merger": Wall.reference(),  # ids alone: who is told here is named elsewhere, to whom it may
    "institution": Wall.reference(),
    "outlet": Wall(institution="institution_id", tenants=("select",)),
    # The directory of credit codes: a bank may book a loan to any enterprise of the lists.
    "enterprise": Wall.reference(),
    "enterprise_region": Wall.reference(),
    "assignment": Wall(
        institution="institution_id", enterprise="enterprise_id", tenants=("select",)
    ),
    "application": _BOOK,
    "approval": Wall(account="requested_by", tenants=("select", "update")),
    "webhook": Wall(institution="institution_id", tenants=COMMANDS),
    "webhook_delivery": Wall(institution="institution_id"),
    "credit_line": _BOOK,
    "loan": _BOOK,
    "movement": Wall(
        institution="institution_id",
        commands=("select", "insert"),
        via=(Via("loan_id", "loan", "loan_id"),),
    ),
}
