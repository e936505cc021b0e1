"""What a synthetic province is made of. Money is fen, points are WGS-84 degrees."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Size:
    """How large a province to make, and in which cities."""

    cities: tuple[str, ...]
    enterprises: int
    outlets: int
    # Institutions by type, in the order of KINDS.
    institutions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Institution:
    """A bank as a legal entity in the province."""

    code: str
    name: str
    institution_type: str
    uscc: str


@dataclass(frozen=True, slots=True)
class Outlet:
    """One branch of a bank; without managers it takes no enterprises."""

    code: str
    name: str
    institution_code: str
    region_code: str
    address: str
    lon: float
    lat: float
    managers: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Staff:
    """One person on a bank's roster from `joined_on` to `left_on` (its last day)."""

    code: str
    name: str
    institution_code: str
    outlet_code: str
    role: str
    joined_on: date
    left_on: date | None


@dataclass(frozen=True, slots=True)
class Enterprise:
    """One technology SME of the list; `region_code` is where its business address lies."""

    uscc: str
    name: str
    registration_no: str
    legal_representative: str
    phone: str
    registered_address: str
    business_address: str
    region_code: str
    lon: float
    lat: float
    industry_code: str
    has_loan: bool
    founded_on: date
    employees: int
    revenue_fen: int
    rd_fen: int


@dataclass(frozen=True, slots=True)
class Need:
    """A financing need and how a bank would judge it."""

    amount_fen: int
    term_months: int
    purpose: str
    eligible: bool
    approved_fen: int
    drawn_fen: int


@dataclass(frozen=True, slots=True)
class Truth:
    """What the files do not say, by credit code: for driving later steps and checking them."""

    needs: dict[str, Need]
    # Institution codes of present lenders, nearest first.
    lenders: dict[str, tuple[str, ...]]
    # Enterprises nobody can visit, with the reason.
    exempt: dict[str, str]


@dataclass(frozen=True, slots=True)
class Province:
    """All of it."""

    size: str
    seed: int
    institutions: tuple[Institution, ...]
    outlets: tuple[Outlet, ...]
    staff: tuple[Staff, ...]
    enterprises: tuple[Enterprise, ...]
    truth: Truth
