"""Datums against points computed by an independent routine (eviltransform 0.1.1, MIT)."""

import pytest

from shared.kernel.coordinates import to_gcj02, to_wgs84
from shared.kernel.errors import BadInput

# WGS-84, GCJ-02 and BD-09 of the same points: longitude, latitude each.
POINTS = (
    (117.80881, 33.14019, 117.81436427, 33.13840716, 117.82085756, 33.14449167),
    (118.53475, 33.39686, 118.53999303, 33.39521316, 118.54646151, 33.40139608),
    (119.94146, 31.08177, 119.94608902, 31.07950037, 119.95267705, 31.08515854),
    (116.57242, 34.40112, 116.57762284, 34.39971483, 116.58420877, 34.40536295),
    (117.92645, 31.80762, 117.9316963, 31.80545235, 117.93819327, 31.8114852),
    (121.97605, 32.82213, 121.98039881, 32.82018751, 121.98699706, 32.8258216),
    (121.10054, 32.84832, 121.1053014, 32.84663464, 121.1117584, 32.85271796),
    (120.01487, 31.44765, 120.01969264, 31.44572854, 120.02614988, 31.45191506),
    (119.99173, 34.53259, 119.99677852, 34.5314783, 120.00315724, 34.53782767),
    (120.67027, 33.34173, 120.67470399, 33.34008912, 120.68125916, 33.3458246),
    (124.50179, 41.06436, 124.50750636, 41.06629005, 124.5141388, 41.07195115),
    (129.7494, 43.40557, 129.75651592, 43.40817666, 129.76304061, 43.4140401),
    (128.38506, 45.55771, 128.39181505, 45.56007389, 128.39817437, 45.56641842),
    (125.37316, 45.14482, 125.3800049, 45.14706165, 125.38645575, 45.1532565),
    (129.87346, 41.41651, 129.88002208, 41.41865741, 129.88660012, 41.42446724),
)
METRE = 1e-5  # of a degree, about


@pytest.mark.parametrize("point", POINTS)
def test_R8_points_agree_with_an_independent_routine(point: tuple[float, ...]) -> None:
    wgs, gcj, baidu = point[:2], point[2:4], point[4:]
    assert to_gcj02(*wgs) == pytest.approx(gcj, abs=METRE / 10)
    assert to_wgs84(*gcj, "GCJ-02") == pytest.approx(wgs, abs=METRE / 10)
    assert to_wgs84(*baidu, "BD-09") == pytest.approx(wgs, abs=METRE / 2)
    assert to_wgs84(*wgs, "WGS-84") == wgs


def test_R8_an_unknown_datum_is_refused() -> None:
    with pytest.raises(BadInput, match=r"place\.datum"):
        to_wgs84(120, 31, "CGCS2000")  # pyright: ignore[reportArgumentType]
