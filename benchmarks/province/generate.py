"""Put a province together from its size and seed."""

import numpy as np

from benchmarks.province.banks import make_institutions, make_outlets, make_staff, with_capacities
from benchmarks.province.draws import Draws, Floats
from benchmarks.province.firms import make_enterprises
from benchmarks.province.model import Province, Size
from shared.kernel.region import Region, cities_of, city_of, counties_of

# Rank of the cities by number of technology SMEs; the shares are a shape, not a statistic.
_CITIES = (
    ("320500", 0.235),
    ("320100", 0.190),
    ("320200", 0.115),
    ("320600", 0.085),
    ("320400", 0.080),
    ("320900", 0.055),
    ("321000", 0.050),
    ("321200", 0.045),
    ("320300", 0.040),
    ("321100", 0.035),
    ("320800", 0.030),
    ("321300", 0.022),
    ("320700", 0.018),
)
_ALL = tuple(sorted(city for city, _ in _CITIES))
SIZES = {
    "small": Size(_ALL, 2_000, 240, (4, 1, 1, 3, 3, 8, 2, 1, 1)),
    "city": Size(("320200", "320400", "320500"), 10_000, 1_600, (5, 1, 2, 8, 6, 24, 8, 4, 2)),
    "province": Size(_ALL, 72_300, 12_000, (5, 1, 3, 12, 10, 60, 20, 7, 2)),
}


def county_weights(seed: int, counties: tuple[Region, ...]) -> Floats:
    """Return each county's share of enterprises: its city's share, unevenly divided."""
    share = dict(_CITIES)
    uneven = np.round(np.exp(0.6 * Draws(seed, 1).normal(len(counties))), 6)
    weight = np.zeros(len(counties))
    for city in sorted({city_of(county.code) for county in counties}):
        here = np.array([i for i, c in enumerate(counties) if city_of(c.code) == city])
        weight[here] = share[city] * uneven[here] / uneven[here].sum()
    return weight / weight.sum()


def generate(size: str, seed: int) -> Province:
    """Make a province: the same size and seed give the same province on every machine."""
    chosen = SIZES[size]
    cities = [city for city in cities_of("320000") if city.code in chosen.cities]
    counties = tuple(county for city in cities for county in counties_of(city.code))
    weight = county_weights(seed, counties)
    banks = make_institutions(seed, chosen)
    outlets = make_outlets(seed, chosen, banks, counties, weight)
    firms, truth = make_enterprises(seed, chosen.enterprises, counties, weight, outlets)
    demand: dict[str, int] = {}
    for firm in firms:
        demand[city_of(firm.region_code)] = demand.get(city_of(firm.region_code), 0) + 1
    outlets = with_capacities(seed, outlets, demand)
    return Province(
        size=size,
        seed=seed,
        institutions=tuple(banks),
        outlets=tuple(outlets),
        staff=tuple(make_staff(seed, outlets)),
        enterprises=tuple(firms),
        truth=truth,
    )
