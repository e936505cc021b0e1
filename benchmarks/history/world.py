"""Banks, outlets and enterprises, and how a campaign begins with them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from shared.contracts.allocation import (
    CampaignOpened,
    ContactNamed,
    EnterpriseAssigned,
    EnterpriseEnrolled,
)
from shared.contracts.event import Event
from shared.contracts.registry import (
    EnterpriseListed,
    InstitutionChanged,
    OutletChanged,
    StaffChanged,
)
from shared.kernel.ids import derived_id
from shared.kernel.region import cities_of, city_of, counties_of

OUTLETS_EACH, BANKS = 1 / 6, 120
VINTAGE, OPENS_ON = "2021-12-31", date(2022, 4, 1)
CAMPAIGN = derived_id("campaign", "bench")
COUNTIES = tuple(county.code for city in cities_of("320000") for county in counties_of(city.code))

#: When it became known, and what.
Told = tuple[datetime, Event]


def moment(day: date, spread: int) -> datetime:
    """Some moment of a working day."""
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(
        microseconds=spread * 977 % 25_000_000_000
    )


@dataclass(frozen=True, slots=True)
class Place:
    """An outlet of a bank, with the manager who acts there."""

    institution_id: UUID
    outlet_id: UUID
    staff_id: UUID


class World:
    """Banks, outlets and enterprises; the same seed and size give the same world."""

    def __init__(self, enterprises: int, seed: int = 7) -> None:
        self.seed = seed
        self.enterprises = [derived_id("enterprise", seed, i) for i in range(enterprises)]
        self.places = [self._place(i) for i in range(max(BANKS, int(enterprises * OUTLETS_EACH)))]

    @staticmethod
    def _place(number: int) -> Place:
        bank = number % BANKS
        return Place(
            derived_id("institution", bank),
            derived_id("outlet", bank, number),
            derived_id("staff", bank, number),
        )

    def place_of(self, enterprise: int) -> Place:
        """The outlet that has an enterprise in its care at first."""
        return self.places[(enterprise * 7919) % len(self.places)]

    @staticmethod
    def county_of(enterprise: int) -> str:
        """The county an enterprise is listed in."""
        return COUNTIES[(enterprise * 31) % len(COUNTIES)]

    def assignment_id(self, enterprise: int, turn: int = 1) -> UUID:
        """An assignment to an institution."""
        return derived_id("assignment", self.seed, enterprise, turn)

    def opening(self) -> Iterator[Told]:
        """Banks, outlets, their people, and the campaign."""
        at = datetime(2022, 2, 1, 1, tzinfo=UTC)
        for bank in range(BANKS):
            yield (
                at,
                InstitutionChanged(
                    institution_id=derived_id("institution", bank),
                    institution_code=f"B{bank:03d}",
                    name=f"测试银行{bank:03d}",
                    institution_type="joint_stock",
                    active=True,
                    valid_from=date(2020, 1, 1),
                ),
            )
        for number, place in enumerate(self.places):
            yield (
                at,
                OutletChanged(
                    outlet_id=place.outlet_id,
                    institution_id=place.institution_id,
                    name=f"测试网点{number:05d}",
                    region_code=COUNTIES[number % len(COUNTIES)],
                    longitude_e6=120_000_000,
                    latitude_e6=31_000_000,
                    precision="county",
                    relationship_managers=2,
                    service_capacity=20,
                    active=True,
                    valid_from=date(2020, 1, 1),
                ),
            )
            yield (
                at,
                StaffChanged(
                    staff_id=place.staff_id,
                    institution_id=place.institution_id,
                    outlet_id=place.outlet_id,
                    role="relationship_manager",
                    valid_from=date(2020, 1, 1),
                    valid_to=None,
                ),
            )
        yield (
            datetime(2022, 3, 30, tzinfo=UTC),
            CampaignOpened(
                campaign_id=CAMPAIGN,
                profile="jiangsu-2022",
                list_vintage=VINTAGE,
                opens_on=OPENS_ON,
                visits_from=date(2022, 5, 1),
                visits_until=date(2022, 8, 31),
                contacts_due_on=date(2022, 4, 30),
                rotation_on=date(2022, 9, 5),
            ),
        )

    def beginning(self, number: int) -> Iterator[Told]:
        """An enterprise on the list, in the campaign, in somebody's care."""
        enterprise, county = self.enterprises[number], self.county_of(number)
        yield (
            moment(date(2022, 3, 1), number),
            EnterpriseListed(
                enterprise_id=enterprise,
                uscc=f"91320000{number:010d}",
                list_vintage=VINTAGE,
                region_code=county,
                longitude_e6=120_620_000,
                latitude_e6=31_320_000,
                precision="point",
                industry_code="C39",
                has_loan=number % 3 == 0,
                listed_on=date(2022, 3, 1),
            ),
        )
        yield (
            moment(OPENS_ON, number),
            EnterpriseEnrolled(
                enterprise_id=enterprise,
                campaign_id=CAMPAIGN,
                list_vintage=VINTAGE,
                region_code=county,
                opens_on=OPENS_ON,
            ),
        )
        yield (
            moment(date(2022, 4, 2), number),
            EnterpriseAssigned(
                assignment_id=self.assignment_id(number, 0),
                enterprise_id=enterprise,
                campaign_id=CAMPAIGN,
                tier=1,
                bureau_code=city_of(county),
                institution_id=None,
                region_code=county,
                round=1,
                assigned_on=date(2022, 4, 2),
            ),
        )
        place = self.place_of(number)
        yield from self.care(number, place, 1, date(2022, 4, 10))

    def care(self, number: int, place: Place, turn: int, day: date) -> Iterator[Told]:
        """An enterprise given to an outlet's manager."""
        yield (
            moment(day, number),
            EnterpriseAssigned(
                assignment_id=self.assignment_id(number, turn),
                enterprise_id=self.enterprises[number],
                campaign_id=CAMPAIGN,
                tier=2,
                bureau_code=None,
                institution_id=place.institution_id,
                region_code=self.county_of(number),
                round=turn,
                assigned_on=day,
            ),
        )
        named_on = day + timedelta(days=10)
        yield (
            moment(named_on, number),
            ContactNamed(
                assignment_id=self.assignment_id(number, turn),
                enterprise_id=self.enterprises[number],
                campaign_id=CAMPAIGN,
                institution_id=place.institution_id,
                outlet_id=place.outlet_id,
                staff_id=place.staff_id,
                named_on=named_on,
            ),
        )
