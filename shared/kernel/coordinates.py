"""Points in the three datums that are in use: WGS-84 (GPS), GCJ-02 (Chinese maps), BD-09 (Baidu).

Everything is kept in WGS-84; the datum a point came in is noted beside it.
"""

from math import atan2, cos, pi, sin, sqrt
from typing import Final, Literal

from shared.kernel.errors import BadInput

Datum = Literal["WGS-84", "GCJ-02", "BD-09"]
_AXIS: Final = 6_378_137.0
_ECCENTRICITY: Final = 0.00669342162296594323  # squared, as the published routine has it
_BAIDU: Final = pi * 3000 / 180


def to_wgs84(longitude: float, latitude: float, datum: Datum) -> tuple[float, float]:
    """Return a point in WGS-84.

    Units:   degrees; good to about 1e-6 degrees (0.1 m).
    Raises:  BadInput `place.datum`.
    Source:  JS-06, R8: datum stored with the point.
    """
    if datum == "WGS-84":
        return longitude, latitude
    if datum == "GCJ-02":
        return _from_gcj02(longitude, latitude)
    if datum == "BD-09":
        return _from_gcj02(*_gcj02_from_bd09(longitude, latitude))
    raise BadInput("place.datum", "坐标系应为 WGS-84、GCJ-02 或 BD-09", str(datum)[:20])


def to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """Return a WGS-84 point as Chinese maps show it.

    Units:   degrees.
    Raises:  nothing.
    Source:  JL-30: points on a map page.
    """
    x, y = longitude - 105, latitude - 35
    wave = (20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + wave
    north += (20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + wave
    east += (20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    radians = latitude / 180 * pi
    magic = 1 - _ECCENTRICITY * sin(radians) ** 2
    north = north * 180 / (_AXIS * (1 - _ECCENTRICITY) / (magic * sqrt(magic)) * pi)
    east = east * 180 / (_AXIS / sqrt(magic) * cos(radians) * pi)
    return longitude + east, latitude + north


def _from_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    # The shift has no inverse in closed form; it changes so slowly that a few steps find the point.
    x, y = longitude, latitude
    for _ in range(5):
        shifted = to_gcj02(x, y)
        x, y = x + longitude - shifted[0], y + latitude - shifted[1]
    return x, y


def _gcj02_from_bd09(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - 0.0065, latitude - 0.006
    distance = sqrt(x * x + y * y) - 0.00002 * sin(y * _BAIDU)
    angle = atan2(y, x) - 0.000003 * cos(x * _BAIDU)
    return distance * cos(angle), distance * sin(angle)
