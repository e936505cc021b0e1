"""The place in a list that goes by one id."""

from uuid import UUID

from shared.platform.web import decode_cursor


def one_id(cursor: str | None) -> UUID | None:
    """The id a cursor stands for; None for the first page.

    Raises: BadInput `page.cursor`.
    """
    place = decode_cursor(cursor, UUID)
    return place[0] if place else None
