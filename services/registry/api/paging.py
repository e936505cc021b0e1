"""Places in lists, as cursors carry them."""

from datetime import datetime
from uuid import UUID

from shared.kernel.errors import BadInput
from shared.platform.web import decode_cursor


def id_in(cursor: str | None) -> UUID | None:
    """The identifier after which a page begins.

    Raises: BadInput `page.cursor`.
    """
    place = decode_cursor(cursor, parts=1)
    try:
        return UUID(str(place[0])) if place else None
    except ValueError as error:
        raise _broken() from error


def instant_of(value: object) -> datetime:
    """The moment before which a page begins.

    Raises: BadInput `page.cursor`.
    """
    try:
        return datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _broken() from error


def number_of(value: object) -> int:
    """The number behind which a page begins.

    Raises: BadInput `page.cursor`.
    """
    if not isinstance(value, int):
        raise _broken()
    return value


def _broken() -> BadInput:
    return BadInput("page.cursor", "分页标记无效,请从第一页重新查询")
