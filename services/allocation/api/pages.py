"""The place in a list that goes by one id."""

from uuid import UUID

from shared.kernel.errors import BadInput
from shared.platform.web import decode_cursor


def one_id(cursor: str | None) -> UUID | None:
    """The id a cursor stands for; None for the first page.

    Raises: BadInput `page.cursor`.
    """
    place = decode_cursor(cursor, parts=1)
    if place is None:
        return None
    try:
        return UUID(str(place[0]))
    except ValueError as error:
        raise BadInput("page.cursor", "分页标记无效,请从第一页重新查询") from error
