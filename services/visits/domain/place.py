"""Where the visit took place: doubts are flagged for a reviewer, never refused (V4)."""

from math import asin, cos, radians, sin, sqrt
from typing import Final

from services.visits.domain.model import EnterprisePlace, Place

FAR_M: Final = 2_000.0
EARTH_RADIUS_M: Final = 6_371_008.8


def distance_m(
    longitude: float, latitude: float, other_longitude: float, other_latitude: float
) -> float:
    """Great-circle distance of two points.

    Units:   WGS-84 degrees in, metres out.
    Raises:  nothing.
    Source:  V4.
    """
    north = radians(other_latitude - latitude)
    east = radians(other_longitude - longitude)
    shape = (
        sin(north / 2) ** 2
        + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(east / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(shape)))


def place_flags(place: Place | None, enterprise: EnterprisePlace | None) -> list[str]:
    """The doubts about a place: no accuracy given, or further than 2 km from the enterprise.

    The phone's own error is allowed for. An enterprise known only to its county has no point to
    measure from, so nothing is said.

    Units:   metres.
    Raises:  nothing.
    Source:  V4.
    """
    if place is None:
        return []
    flags = ["place_accuracy_zero"] if place.accuracy_m == 0 else []
    if enterprise is not None and enterprise.precision == "point":
        away = distance_m(
            place.longitude, place.latitude, enterprise.longitude, enterprise.latitude
        )
        if away - min(place.accuracy_m, FAR_M) > FAR_M:
            flags.append("place_far")
    return flags
