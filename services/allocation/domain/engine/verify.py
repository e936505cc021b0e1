"""Check an exported allocation plan with nothing but the file, Python and numpy.

    python verify.py plan.json.gz

Written for those who do not trust the platform: this one file computes every distance, cost, band
and lottery number again from the published inputs, and then checks that each enterprise has one
admissible bank, that no bank has more than it can take, and that no other sharing-out is cheaper:
the published prices give a lower bound for all of them. It shares no code with the engine.

Units:   metres; basis points; scores as docs/plan-file.md defines them, which has the format too.
Source:  features A1, A3, A4, U8.
"""

import gzip
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

FORMAT, VERSIONS = "yinqi-allocation-plan", (1, 2)
EARTH_RADIUS_M = 6_371_008.8
TIE_BITS, MOST_FAULTS = 15, 20
MOST_ABOVE = 50  # of the bound: a plan with seats and a band for hard cases, which that has not
NEVER, WITHOUT_LIMIT = 1 << 61, 1 << 40


def verify(document: Any) -> list[str]:
    """Everything that is wrong with a plan; nothing: it holds, and is proven."""
    if document.get("format") != FORMAT or document.get("version") not in VERSIONS:
        return [f"not a {FORMAT} of version {VERSIONS}"]
    found: list[str] = []
    seen: Counter[str] = Counter()
    placed = 0
    for part in document["cities"]:
        seen.update(part["enterprises"]["id"])
        check = check_bureaus if part.get("kind") == "bureaus" else check_city
        found += [f"{part['city']}: {what}" for what in check(part)]
        where = part["choice"] if "choice" in part else [-one for one in part["direct"]]
        placed += sum(one >= 0 for one in where)
    found += [f"enterprise {one} is in {n} cities" for one, n in seen.items() if n > 1]
    if placed != document["plan"]["assigned"]:
        found.append(f"{placed} are placed, published {document['plan']['assigned']}")
    return found


def out_of_order(part: Any, *names: str) -> Iterator[str]:
    """Lists whose ids are not in their order, or twice."""
    for name in names:
        if any(UUID(a).int >= UUID(b).int for a, b in pairwise(part[name]["id"])):
            yield f"{name} are not in the order of their ids, or twice"


def check_city(city: Any) -> Iterator[str]:
    """Everything that is wrong with one city's part, or one bank's."""
    firms, banks = city["enterprises"], city["banks"]
    if disorder := list(out_of_order(city, "enterprises", "banks")):
        yield from disorder
        return
    choice = np.array(city["choice"], dtype=np.int64)
    if len(choice) != len(firms["id"]) or (len(choice) and choice.max() >= len(banks["id"])):
        yield "the choice does not fit the enterprises and banks"
        return
    if city.get("kind") == "seats":
        yield from check_seats(city, choice)
        ids, at = city["outlets"]["id"], np.array(city["seat"], dtype=np.int64)
    else:
        yield from check_places(city, choice)
        primal, dual, dearer = certificate(city, choice)
        if dearer or primal != dual:
            yield f"not proven optimal: costs {primal}, bound {dual}, {dearer} cheaper elsewhere"
        ids, at = banks["id"], choice
    if digest(firms["id"], ids, at) != city["digest"]:
        yield "the digest is not that of the choice"


def check_bureaus(part: Any) -> Iterator[str]:
    """Everything that is wrong with the tier of bureaus: who leaves its city, and is it nearest.

    Ways are made of metres and, below them, the lottery; the bound is docs/plan-file.md's.
    """
    yield from out_of_order(part, "enterprises", "outlets")
    codes, room, firms = part["cities"]["code"], part["cities"]["room"], part["enterprises"]
    own, to = np.array(firms["city"], dtype=np.int64), np.array(part["to"], dtype=np.int64)
    straight = codes.index(part["direct_city"]) if part["direct_city"] else -1
    left = np.bincount(own, minlength=len(codes)) - np.array(room, dtype=np.int64)
    moved, over = own != to, np.maximum(left, 0)
    if (to[moved] != straight).any() or (np.array(part["direct"]) != (to == straight)).any():
        yield "somebody is sent neither to its own city nor directly to the banks"
        return
    places = max(-int(left[straight]), 0) if straight >= 0 and part["outlets"]["id"] else 0
    over[max(straight, 0)] *= straight < 0
    count = np.bincount(own[moved], minlength=len(codes))
    if (count > over).any() or int(moved.sum()) != min(places, int(over.sum())):
        yield "more or fewer leave their city than have no place there"
    way = distances(firms, part["outlets"], np.zeros(len(part["outlets"]["id"]), int), 1)[:, 0]
    if (np.where(moved, way, -1) != np.array(part["metres"])).any():
        yield "a way to the capital is another"
    keys = lottery(firms["id"], part["seed"]).tolist()
    dear = [(metres << 64) + key for metres, key in zip(way.tolist(), keys, strict=True)]
    last = [0] * len(codes)
    for at in np.flatnonzero(moved):
        last[own[at]] = max(last[own[at]], dear[at])
    most = max(last, default=0)
    relief = [most - last[c] if count[c] == over[c] else 0 for c in range(len(codes))]
    bound = most * int(moved.sum()) - sum(r * int(n) for r, n in zip(relief, over, strict=True))
    bound += sum(min(0, dear[at] - most + relief[own[at]]) for at in np.flatnonzero(over[own] > 0))
    if sum(dear[at] for at in np.flatnonzero(moved)) != bound:
        yield "others are nearer to the capital than those who are sent there"
    ends = [f"{codes[at]} {'institution' if at == straight else 'bureau'}\n" for at in to]
    raw = b"".join(UUID(i).bytes + end.encode() for i, end in zip(firms["id"], ends, strict=True))
    if hashlib.sha256(raw).hexdigest() != part["digest"]:
        yield "the digest is not that of the choice"


def check_seats(city: Any, choice: Any) -> Iterator[str]:
    """Everything that is wrong where outlets have limits: seats, room, ways, and the bound."""
    seat, outlets = np.array(city["seat"], dtype=np.int64), city["outlets"]
    if (np.array([*outlets["bank"], -1])[seat] != choice).any():
        yield "a seat is not at the bank that was chosen"
        return
    here = np.bincount(seat[seat >= 0], minlength=len(outlets["id"]))
    held, limits = counted(city)
    for name, full in (("outlets", here > outlets["capacity"]), ("banks", held > limits[2])):
        for at in np.flatnonzero(full).tolist():
            yield f"{name} {city[name]['id'][at]} has more than it can take"
    primal, dual, wrong = seats_certificate(city)
    yield from wrong
    if str(dual) != city["bound"]:
        yield f"the bound is {dual}, published {city['bound']}"
    if primal > dual + (0 if city["policy"]["hard_bp"] is None else dual // MOST_ABOVE):
        yield f"not proven: costs {primal}, too much above the bound of {dual}"


def counted(city: Any) -> tuple[Any, Any]:
    """How many each bank has, and its limits."""
    held = [one for one in city["choice"] if one >= 0]
    return np.bincount(held, minlength=len(city["banks"]["id"])), bounds(city, ways_to_banks(city))


def seats_certificate(city: Any) -> tuple[int, int, list[str]]:
    """The cost of the seats, the bound that the prices prove, and which seats must not be."""
    firms, outlets, shift = city["enterprises"], city["outlets"], city["shift"]
    policy, n, seat = city["policy"], len(city["seat"]), np.array(city["seat"], dtype=np.int64)
    held, limits = counted(city)
    base, allowed = costs(city, np.zeros((n, len(held)), dtype=np.int64))
    placed, ways = np.array(firms["placed"], dtype=bool), np.array(city["metres"], dtype=np.int64)
    keys, desks = lottery(firms["id"], policy["seed"]), lottery(outlets["id"], policy["seed"])
    mask, most = np.uint64((1 << min(TIE_BITS, shift)) - 1), 0
    least = np.full(n, city["overflow_m"] << shift, dtype=np.int64)
    own, wrong = least.copy(), []
    for at, bank in enumerate(outlets["bank"]):
        one = {name: outlets[name][at : at + 1] for name in ("longitude_e6", "latitude_e6")}
        way = distances(firms, one, [0], 1)[:, 0]
        may = allowed[:, bank] & (way <= (policy["max_m"] or 2**31 - 2))
        cost = base[:, bank] + np.where(placed, way, 0)
        score = (cost << shift) + (mixed(keys ^ desks[at]) & mask).astype(np.int64)
        most = max(most, int(cost[may].max(initial=0)))
        least = np.where(may, np.minimum(least, score + outlets["price"][at]), least)
        mine = seat == at
        own = np.where(mine, score, own)
        wrong += [firms["id"][row] for row in np.flatnonzero(mine & ~(may & (ways == way)))]
    told = [f"enterprise {one} must not be where it is, or its way is another" for one in wrong]
    if city["overflow_m"] <= most + 4 * policy["band_step_m"]:
        told.append("leaving somebody out is cheaper than a place")
    primal, dual = sum(own.tolist()), sum(least.tolist())
    step, price = policy["band_step_m"] << shift, city["banks"]["price"]
    for at, bank in enumerate(outlets["bank"]):
        dual -= outlets["capacity"][at] * max(outlets["price"][at] - price[bank], 0)
    for bank, count in enumerate(held.tolist()):
        low, high, top = limits[:3, bank].tolist()
        primal += stepped(count, low, high, step)
        dual += cheapest(low, high, top, step, price[bank])
    return primal, dual, told[:MOST_FAULTS]


def check_places(city: Any, choice: Any) -> Iterator[str]:
    """Who is where must not be, or is moved who must stay; banks with too many."""
    metres = ways_to_banks(city)
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


def certificate(city: Any, choice: Any) -> tuple[int, int, int]:
    """The cost of the plan, the bound its prices prove, and how many stand too dear."""
    metres = ways_to_banks(city)
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

    turns = (np.array(columns[name], dtype=np.float64) for name in ("longitude_e6", "latitude_e6"))
    lon, lat = (turn * (3.141592653589793 / 180e6) for turn in turns)
    level = series(lat * lat, 0)
    east, north = level * series(lon * lon, 0), level * (series(lon * lon, 1) * lon)
    return np.stack([east, north, series(lat * lat, 1) * lat], axis=1)


def distances(firms: Any, outlets: Any, of_bank: Any, banks: int) -> Any:
    """Metres from every enterprise to each bank's nearest outlet, 2^31 - 1 where it has none."""
    here, there = points(firms), points(outlets)
    chord = np.full((len(here), banks), np.inf)
    for bank, (x, y, z) in zip(of_bank, there, strict=True):
        dx, dy, dz = x - here[:, 0], y - here[:, 1], z - here[:, 2]
        chord[:, bank] = np.minimum(chord[:, bank], dx * dx + dy * dy + dz * dz)
    half = np.sqrt(chord) / 2.0
    cube = half * half * half
    served = np.isfinite(chord)
    with np.errstate(invalid="ignore"):
        arc = half + cube / 6.0 + 3.0 * cube * half * half / 40.0
    metres = np.rint(np.where(served, 2.0 * EARTH_RADIUS_M * arc, 2**31 - 1))
    return metres.astype(np.int64)


def ways_to_banks(city: Any) -> Any:
    """Metres from every enterprise to each bank's nearest outlet."""
    banks = len(city["banks"]["id"])
    return distances(city["enterprises"], city["outlets"], city["outlets"]["bank"], banks)


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


def digest(firms: Any, nodes: Any, choice: Any) -> str:
    """SHA-256 over each enterprise's id and its node's id, zeros where there is none."""
    ids = [*(UUID(one).bytes for one in nodes), bytes(16)]
    pairs = zip(firms, choice.tolist(), strict=True)
    return hashlib.sha256(b"".join(UUID(one).bytes + ids[at] for one, at in pairs)).hexdigest()


def seats_and_bound(document: Any) -> tuple[int, int]:
    """What all plans with seats cost, and their bound, which knows no hard cases."""
    parts = [seats_certificate(one) for one in document["cities"] if one.get("kind") == "seats"]
    return sum(one[0] for one in parts), sum(one[1] for one in parts)


def main(arguments: list[str] | None = None) -> int:
    """Check a file and say so: 0 it holds, 1 it does not, 2 it cannot be read."""
    try:
        raw = Path((arguments or sys.argv[1:])[0]).read_bytes()
        document = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        found = verify(document)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        sys.stderr.write(f"无法读取 cannot be read: {error!r}\n")
        return 2
    sys.stdout.writelines(f"✗ {finding}\n" for finding in found)
    if not found:
        (primal, dual), placed = seats_and_bound(document), document["plan"]["assigned"]
        gap = f"与下界相差 and is proven to within {primal / max(dual, 1) - 1:.3%} of the bound"
        how = "且最优 and is optimal" if primal == dual else gap
        sys.stdout.write(f"✓ 方案成立 the plan holds {how}: {placed} 户已分配 assigned\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
