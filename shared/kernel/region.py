"""The one door to regions: the tree of codes, and the way from an address into it."""

from shared.kernel.address import Resolved, resolve_address
from shared.kernel.divisions import (
    Level,
    Region,
    children_of,
    cities_of,
    city_of,
    counties_of,
    county,
    exists,
    full_name,
    is_below,
    path_of,
    present_code,
    province_of,
    region,
    regions,
)

__all__ = [
    "Level",
    "Region",
    "Resolved",
    "children_of",
    "cities_of",
    "city_of",
    "counties_of",
    "county",
    "exists",
    "full_name",
    "is_below",
    "path_of",
    "present_code",
    "province_of",
    "region",
    "regions",
    "resolve_address",
]
