"""Whose the rows of identity's tables are."""

from typing import Final

from shared.platform.walls import Via, Wall, Walls

WALLS: Final[Walls] = {
    "account": Wall(institution="institution_id", region="region_code", account="account_id"),
    "client": Wall(via=(Via("account_id", "account", "account_id"),)),
    "refresh": Wall(via=(Via("account_id", "account", "account_id"),)),
}
