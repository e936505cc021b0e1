"""Check an exported allocation plan with nothing but the file, Python and numpy.

    python verify.py plan.json.gz

Written for those who do not trust the platform: this one file computes every distance, cost, band
and lottery number again from the published inputs, and then checks that each enterprise has one
admissible bank, that no bank has more than it can take, and that no other sharing-out is cheaper:
the published prices give a lower bound for all of them, and the plan costs exactly that. It shares
no code with the engine. The format is described in docs/plan-file.md.

Units:   metres; basis points; scores as docs/plan-file.md defines them.
Source:  features A3, A4, U8.
"""

import argparse
import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

FORMAT, VERSION = "yinqi-allocation-plan", 1
EARTH_RADIUS_M = 6_371_008.8
TIE_BITS = 15
NEVER = 1 << 61
WITHOUT_LIMIT = 1 << 40
MOST_FAULTS = 20


@dataclass(frozen=True)
class Finding:
    """What is wrong, and where."""

    city: str
    what: str

    def __str__(self) -> str:
        return f"{self.city or '-'}: {self.what}"


def verify(document: Any) -> list[Finding]:
    """Everything that is wrong with a plan; nothing: it holds, and is optimal."""
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        return [Finding("", f"not a {FORMAT} of version {VERSION}")]
    found: list[Finding] = []
    seen: Counter[str] = Counter()
    for city in document["cities"]:
        seen.update(city["enterprises"]["id"])
        found += [Finding(city["city"], what) for what in check_city(city)]
    found += [Finding("", f"enterprise {one} is in {n} cities") for one, n in seen.items() if n > 1]
    placed = sum(sum(one >= 0 for one in city["choice"]) for city in document["cities"])
    if placed != document["plan"]["assigned"]:
        found.append(Finding("", f"{placed} are placed, published {document['plan']['assigned']}"))
    return found


def check_city(city: Any) -> Iterator[str]:
    """Everything that is wrong with one city's part."""
    firms, banks = city["enterprises"], city["banks"]
    for name, ids in (("enterprises", firms["id"]), ("banks", banks["id"])):
        if any(UUID(a).int >= UUID(b).int for a, b in pairwise(ids)):
            yield f"{name} are not in the order of their ids, or twice"
            return
    choice = np.array(city["choice"], dtype=np.int64)
    if len(choice) != len(firms["id"]) or (len(choice) and choice.max() >= len(banks["id"])):
        yield "the choice does not fit the enterprises and banks"
        return
    yield from check_places(city, choice)
    yield from check_optimum(city, choice)
    if digest(city, choice) != city["digest"]:
        yield "the digest is not that of the choice"


def check_places(city: Any, choice: Any) -> Iterator[str]:
    """Who is where must not be, or is moved who must stay; banks with too many."""
    metres, _ = distances(city)
    allowed = costs(city, metres)[1]
    rows = np.flatnonzero(choice >= 0)
    fixed = np.array(city["enterprises"]["fixed"], dtype=np.int64)
    free = fixed < 0
    wrong = rows[free[rows] & ~allowed[rows, choice[rows]]]
    wrong = np.concatenate([wrong, np.flatnonzero(~free & (choice != fixed))])
    for row in wrong[:MOST_FAULTS].tolist():
        yield f"enterprise {city['enterprises']['id'][row]} must not be where it is"
    published = np.array(city["metres"], dtype=np.int64)
    for row in rows[published[rows] != metres[rows, choice[rows]]][:MOST_FAULTS].tolist():
        yield f"enterprise {city['enterprises']['id'][row]}: the distance is another"
    here = np.bincount(choice[free & (choice >= 0)], minlength=len(city["banks"]["id"]))
    for bank in np.flatnonzero(here > bounds(city, metres)[2]).tolist():
        yield f"bank {city['banks']['id'][bank]} has more than it can take"


def check_optimum(city: Any, choice: Any) -> Iterator[str]:
    """Whether the plan costs what no plan can cost less than."""
    primal, dual, dearer = certificate(city, choice)
    if dearer:
        yield f"{dearer} enterprises would be cheaper elsewhere under the published prices"
    if primal != dual:
        yield f"not proven optimal: costs {primal}, bound {dual}"


def certificate(city: Any, choice: Any) -> tuple[int, int, int]:
    """The cost of the plan, the bound its prices prove, and how many stand too dear."""
    metres, _ = distances(city)
    score, shift, hard, free = scores(city, metres)
    price = np.zeros((2, score.shape[1]), dtype=np.int64)
    price[0, :-1], price[1, :-1] = city["prices"]["easy"], city["prices"]["hard"]
    none = score.shape[1] - 1
    at = np.where(choice < 0, none, choice)[free]
    hard = hard[free]
    priced = score[free] + price[hard.astype(np.int64)]
    rows = np.arange(len(at))
    primal = sum(score[free][rows, at].tolist())
    dual = sum(priced.min(axis=1).tolist()) if len(at) else 0
    dearer = int((priced[rows, at] > priced.min(axis=1, initial=2 * NEVER)).sum())
    limits = bounds(city, metres)
    step = city["policy"]["band_step_m"] << shift
    total, sorrow = (np.bincount(part, minlength=none + 1).tolist() for part in (at, at[hard]))
    for bank in range(none):
        low, high, top, hard_low, hard_high = limits[:, bank].tolist()
        easy, dear = price[:, bank].tolist()
        primal += stepped(total[bank], low, high, step)
        primal += stepped(sorrow[bank], hard_low, hard_high, step)
        dual += cheapest(low, high, top, step, easy)
        dual += cheapest(hard_low, hard_high, len(at), step, dear - easy)
    return primal, dual, dearer


def stepped(count: int, low: int, high: int, step: int) -> int:
    """Nothing for each up to `low`, then a step, then two."""
    return step * (max(count - low, 0) + max(count - max(high, low), 0))


def cheapest(low: int, high: int, top: int, step: int, price: int) -> int:
    """The least of the stepped cost minus the price, over all counts up to `top`."""
    corners = {0, min(low, top), min(max(high, low), top), top}
    return min(stepped(count, low, high, step) - price * count for count in corners)


def points(columns: Any) -> Any:
    """Unit vectors of longitude and latitude, by Taylor's series with 16 terms."""

    def series(square: Any, first: int) -> Any:
        total = np.ones_like(square)
        for term in range(16, 0, -1):
            place = 2 * term + first
            total = 1.0 - total * square / float(place * (place - 1))
        return total

    lon, lat = (
        np.array(columns[name], dtype=np.int64).astype(np.float64) * (3.141592653589793 / 180e6)
        for name in ("longitude_e6", "latitude_e6")
    )
    level = series(lat * lat, 0)
    east, north = level * series(lon * lon, 0), level * (series(lon * lon, 1) * lon)
    return np.stack([east, north, series(lat * lat, 1) * lat], axis=1)


def distances(city: Any) -> tuple[Any, Any]:
    """Metres from every enterprise to each bank's nearest outlet, and whether it has one."""
    firms, outlets = points(city["enterprises"]), points(city["outlets"])
    chord = np.full((len(firms), len(city["banks"]["id"])), np.inf)
    for bank, (x, y, z) in zip(city["outlets"]["bank"], outlets, strict=True):
        dx, dy, dz = x - firms[:, 0], y - firms[:, 1], z - firms[:, 2]
        chord[:, bank] = np.minimum(chord[:, bank], dx * dx + dy * dy + dz * dz)
    half = np.sqrt(chord) / 2.0
    cube = half * half * half
    served = np.isfinite(chord)
    with np.errstate(invalid="ignore"):
        arc = half + cube / 6.0 + 3.0 * cube * half * half / 40.0
    metres = np.rint(np.where(served, 2.0 * EARTH_RADIUS_M * arc, 2**31 - 1))
    return metres.astype(np.int64), served


def costs(city: Any, metres: Any) -> tuple[Any, Any]:
    """Metre-equivalents of every pair, and which pairs may be."""
    policy, firms = city["policy"], city["enterprises"]
    placed = np.array(firms["placed"], dtype=bool)
    cost = np.where(placed[:, None], metres, 0) + policy["no_relation_m"]
    for name, change in (("lenders", -policy["no_relation_m"]), ("alike", policy["same_type_m"])):
        pairs = np.array(firms[name], dtype=np.int64).reshape(-1, 2)
        cost[pairs[:, 0], pairs[:, 1]] += change
    previous = np.array(firms["previous"], dtype=np.int64)
    had = np.flatnonzero(previous >= 0)
    cost[had] += policy["stick_m"]
    cost[had, previous[had]] -= policy["stick_m"]
    allowed = metres < 2**31 - 1
    if policy["max_m"] is not None:
        allowed &= metres <= policy["max_m"]
    pairs = np.array(firms["forbidden"], dtype=np.int64).reshape(-1, 2)
    allowed[pairs[:, 0], pairs[:, 1]] = False
    return cost, allowed


def hard_cases(city: Any, metres: Any) -> Any:
    """Who has no loan, or is further than `remote_m` from every outlet."""
    firms = city["enterprises"]
    far = metres.min(axis=1, initial=2**31 - 1) > city["policy"]["remote_m"]
    return ~np.array(firms["has_loan"], dtype=bool) | (np.array(firms["placed"], dtype=bool) & far)


def scores(city: Any, metres: Any) -> tuple[Any, int, Any, Any]:
    """Every pair's score with "no place" last, the shift, the hard cases, who is free to move."""
    policy = city["policy"]
    cost, allowed = costs(city, metres)
    hard = hard_cases(city, metres)
    free = np.array(city["enterprises"]["fixed"], dtype=np.int64) < 0
    largest = int(np.where(allowed, cost, 0).max(initial=1))
    overflow = (2 * cost.shape[1] + 4) * (largest + 4 * policy["band_step_m"])
    shift = TIE_BITS + len(cost).bit_length()
    more = 0 if policy["hard_bp"] is None else policy["band_step_m"]
    tie = lottery(city["enterprises"]["id"], policy["seed"])[:, None]
    tie = mixed(tie ^ lottery(city["banks"]["id"], policy["seed"])[None, :])
    tie = (tie & np.uint64((1 << TIE_BITS) - 1)).astype(np.int64)
    pairs = np.where(allowed, (np.where(allowed, cost, 0) << shift) + tie, NEVER)
    none = np.where(hard, overflow + more, overflow)
    none[np.array(city["enterprises"]["previous"], dtype=np.int64) >= 0] += policy["stick_m"]
    return np.concatenate([pairs, none[:, None] << shift], axis=1), shift, hard, free


def mixed(value: Any) -> Any:
    """A 64-bit number mixed so that each bit in decides each bit out."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def lottery(ids: Any, seed: int) -> Any:
    """The seeded number of each id."""
    raw = b"".join(UUID(one).bytes for one in ids)
    parts = np.frombuffer(raw, dtype=">u8").astype(np.uint64).reshape(-1, 2)
    salt = mixed(np.array([(seed + 0x9E3779B97F4A7C15) % 2**64], dtype=np.uint64))
    return mixed(mixed(parts[:, 0] ^ salt) ^ parts[:, 1])


def bounds(city: Any, metres: Any) -> Any:
    """Floor, ceiling, capacity of all; floor, ceiling of the hard: for those free to move."""
    policy, firms = city["policy"], city["enterprises"]
    hard, fixed = hard_cases(city, metres), np.array(firms["fixed"], dtype=np.int64)
    free, banks = fixed < 0, len(city["banks"]["id"])
    served = np.zeros(banks, dtype=bool)
    served[city["outlets"]["bank"]] = True
    capacity = np.array(city["banks"]["capacity"], dtype=np.int64)
    full = np.where(served | (not len(fixed) and capacity > 0), np.maximum(capacity, 0), 0)
    past = np.array(city["banks"]["past"], dtype=np.int64)
    kept = np.bincount(fixed[~free], minlength=banks)
    sorrow = np.bincount(fixed[~free & hard], minlength=banks)
    room, everybody = int(full.sum()), len(fixed) + int(past.sum())
    low, high = band(full, everybody, room, policy["total_bp"])
    hard_low, hard_high = band(full, int(hard.sum()), max(room, len(fixed)), policy["hard_bp"])
    rows = [low - kept - past, high - kept - past, full - kept]
    return np.maximum(np.stack([*rows, hard_low - sorrow, hard_high - sorrow]), 0)


def band(capacity: Any, total: int, room: int, width_bp: int | None) -> tuple[Any, Any]:
    """Floor and ceiling around each bank's share of `total`."""
    if width_bp is None or room == 0:
        return np.full_like(capacity, WITHOUT_LIMIT), np.full_like(capacity, WITHOUT_LIMIT)
    share = capacity * total
    floor = share * (10_000 - min(width_bp, 10_000)) // (10_000 * room)
    return floor, -(-share * (10_000 + width_bp) // (10_000 * room))


def digest(city: Any, choice: Any) -> str:
    """SHA-256 over each enterprise's id and its bank's id, zeros where there is none."""
    banks = [*(UUID(one).bytes for one in city["banks"]["id"]), bytes(16)]
    pairs = zip(city["enterprises"]["id"], choice.tolist(), strict=True)
    return hashlib.sha256(b"".join(UUID(one).bytes + banks[at] for one, at in pairs)).hexdigest()


def read(path: Path) -> Any:
    """A plan file, compressed or not."""
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)


def main(arguments: list[str] | None = None) -> int:
    """Check a file and say so: 0 it holds, 1 it does not, 2 it cannot be read."""
    parser = argparse.ArgumentParser(description="Check an exported allocation plan.")
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    try:
        document = read(given.file)
        found = verify(document)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        sys.stderr.write(f"无法读取 cannot be read: {error!r}\n")
        return 2
    for finding in found:
        sys.stdout.write(f"✗ {finding}\n")
    if not found:
        plan = document["plan"]
        sys.stdout.write(
            f"✓ 方案成立且为最优 the plan holds and is optimal: "
            f"{plan['assigned']} 户已分配 assigned, {len(document['cities'])} 市 cities\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
