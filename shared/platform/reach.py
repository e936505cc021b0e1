"""How far a principal reaches: the context that row-level security reads, and whose audit it is."""

from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.identity import Role
from shared.platform.principal import Principal

ReachName = Literal["system", "province", "city", "institution", "own", "none"]

_REACH: Final[dict[Role | None, ReachName]] = {
    None: "system",
    "province_regulator": "province",
    "platform_admin": "province",
    "bureau": "city",
    "bank_head": "institution",
    "branch_head": "institution",
    "relationship_manager": "institution",
    "bank_core": "institution",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """The settings of a transaction: `setting` takes `place`, empty where the reach has none.

    `org` is the organisation in whose audit the principal's acts stand.
    """

    name: ReachName
    org: str
    setting: str = "yinqi.city"
    place: str = ""


def reach_of(principal: Principal) -> Reach:
    """The reach of a principal; with a place that its role needs and it lacks, it sees nothing."""
    name = _REACH.get(principal.role, "none")
    match name:
        case "system":
            return Reach(name, "platform")
        case "province":
            org = "province" if principal.role == "province_regulator" else "platform"
            return Reach(name, org)
        case "city":
            city = (principal.region_code or "")[:4]
            return Reach(name, f"{principal.role}:{city}", "yinqi.city", city)
        case "institution":
            bank = str(principal.institution_id or "")
            return Reach(name, bank or "none", "yinqi.institution", bank)
        case _:
            return Reach(name, f"{principal.role}:{principal.account_id}")
