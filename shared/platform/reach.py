"""How far a principal reaches: the context that row-level security reads, and whose audit it is."""

from dataclasses import dataclass

from shared.platform.principal import Principal


@dataclass(frozen=True, slots=True)
class Reach:
    """The settings of a transaction: `setting` takes `place`, empty where the reach has none.

    `org` is the organisation in whose audit the principal's acts stand.
    """

    name: str
    account: str
    org: str
    setting: str = "yinqi.city"
    place: str = ""


def reach_of(principal: Principal) -> Reach:
    """The reach of a principal; where it lacks the place that its reach needs, it sees nothing."""
    name, account = principal.reach, str(principal.account_id or "")
    match name:
        case "system":
            return Reach(name, account, "platform")
        case "city":
            city = principal.city_prefix()
            return Reach(name, account, f"{principal.role}:{city}", "yinqi.city", city)
        case "institution":
            bank = str(principal.institution_id or "")
            return Reach(name, account, bank or "none", "yinqi.institution", bank)
        case "enterprise":
            firm = str(principal.enterprise_id or "")
            return Reach(name, account, f"enterprise:{firm}", "yinqi.enterprise", firm)
        case "own":
            return Reach(name, account, f"{principal.role}:{account}")
        case _:
            return Reach(name, account, str(principal.role))
