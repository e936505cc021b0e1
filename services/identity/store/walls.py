"""Whose the rows of identity's tables are; signing in and sessions are the platform's own work."""

from typing import Final

from shared.platform.walls import COMMANDS, Via, Wall, Walls

_OF_ACCOUNT: Final = Wall(via=(Via("account_id", "account", "account_id"),), tenants=COMMANDS)

WALLS: Final[Walls] = {
    "account": Wall(institution="institution_id", region="region_code", account="account_id"),
    "client": _OF_ACCOUNT,
    "refresh": _OF_ACCOUNT,
    "session": _OF_ACCOUNT,
    "factor": _OF_ACCOUNT,
    "recovery_code": _OF_ACCOUNT,
    "wechat_binding": _OF_ACCOUNT,
    "wechat_code": _OF_ACCOUNT,
    "approval": Wall(
        institution="institution_id", via=(Via("requested_by", "account", "account_id"),)
    ),
    "attempt": Wall.system(),
    "assertion": Wall.system(),
    "flow": Wall.system(),
    "wechat_visitor": Wall.system(),
    "wechat_key": Wall.system(),
}
