"""Places in lists, as cursors carry them."""

from uuid import UUID

from shared.platform.web import decode_cursor


def id_in(cursor: str | None) -> UUID | None:
    """The identifier after which a page begins.

    Raises: BadInput `page.cursor`.
    """
    place = decode_cursor(cursor, UUID)
    return place[0] if place else None
