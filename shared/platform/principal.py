"""Who acts: the person, machine client or process in whose name a transaction runs."""

from dataclasses import dataclass
from uuid import UUID

from shared.contracts.identity import Role
from shared.kernel.permissions import roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An account with its role and its place in the organisation tree.

    A regulator has neither institution nor region and sees all; a bureau has its city in
    `region_code`; everyone at a bank has `institution_id`, below head office `outlet_id` too.
    """

    account_id: UUID | None
    role: Role | None
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: str | None = None
    enterprise_id: UUID | None = None

    @property
    def name(self) -> str:
        """How the acting party stands in events and audit: its account id, or `system`."""
        return str(self.account_id) if self.account_id else "system"

    @property
    def sees_all(self) -> bool:
        """True for the province's regulator, the platform's operator and the platform itself."""
        return self.role in (None, "province_regulator", "platform_admin")

    @property
    def reads_all(self) -> bool:
        """True for those who may read every row that a route shows them: the auditor too."""
        return self.reach in ("system", "province")

    def city_prefix(self) -> str:
        """First four digits of the bureau's city, empty for everyone else."""
        return (self.region_code or "")[:4] if self.role in ("bureau", "st_bureau") else ""

    @property
    def reach(self) -> str:
        """Whose rows the database shows at most, by the matrix; `system` for the platform."""
        return roles()[self.role].reach if self.role else "system"


SYSTEM = Principal(account_id=None, role=None)
