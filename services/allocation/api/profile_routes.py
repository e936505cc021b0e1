"""The HTTP of profiles: list, check, save a version; amend a campaign."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from services.allocation.api.schemas import Text
from services.allocation.domain.profile import parse_profile
from services.allocation.store import profiles as store
from services.allocation.store.profiles import StoredProfile
from services.allocation.usecases import profiles
from services.allocation.usecases.profiles import Amend, SaveProfile
from shared.platform.access import may
from shared.platform.web import In, Out, Run

router = APIRouter(tags=["profiles"])
Document = dict[str, Any]


class ProfileIn(In):
    """A profile document."""

    document: Document


class ProfileOut(Out):
    """A version of a profile."""

    code: str
    version: int
    title_zh: str
    document: Document

    @classmethod
    def of(cls, one: StoredProfile) -> "ProfileOut":
        """From the stored version."""
        title = str(one.document["title_zh"])
        return cls(code=one.code, version=one.version, title_zh=title, document=one.document)


class ProfilePage(Out):
    """Profiles by code, each in its newest version."""

    items: list[ProfileOut]
    next_cursor: str | None = None


class CheckedOut(Out):
    """A document that may be saved."""

    code: str
    version: int


class AmendmentIn(In):
    """The whole profile as it shall be from now on, and why."""

    document: Document
    reason: Annotated[Text, Field(max_length=500)]


class AmendmentOut(Out):
    """What changed."""

    number: int
    changed: list[str]
    reason: str
    amended_on: date


class AmendmentPage(Out):
    """A campaign's amendments, first to last."""

    items: list[AmendmentOut]
    next_cursor: str | None = None


@router.get("/profiles", dependencies=[may("profile", "read")])
async def get_profiles(run: Run) -> ProfilePage:
    """All profiles, shipped or edited, in their newest version."""
    found = await run.read(profiles.all_profiles)
    return ProfilePage(items=[ProfileOut.of(one) for one in found])


@router.get("/profiles/{code}", dependencies=[may("profile", "read")])
async def get_profile(code: str, run: Run) -> ProfileOut:
    """One profile in its newest version."""
    return ProfileOut.of(await run.read(profiles.find_profile, code))


@router.post("/profiles:check", dependencies=[may("profile", "create")])
async def post_profile_check(body: ProfileIn, _run: Run) -> CheckedOut:
    """Check a document without keeping it; every fault is told with its path."""
    profile = parse_profile(body.document)
    return CheckedOut(code=profile.code, version=profile.version)


@router.post(
    "/profiles",
    status_code=201,
    response_model=ProfileOut,
    dependencies=[may("profile", "create")],
)
async def post_profile(body: ProfileIn, run: Run) -> Response:
    """Keep a document as a profile's next version."""
    command = SaveProfile(body.document)
    return await run(profiles.save_profile, command, answer=ProfileOut.of, status=201)


@router.post(
    "/campaigns/{campaign_id}/amendments",
    status_code=201,
    response_model=AmendmentOut,
    dependencies=[may("campaign", "update")],
)
async def post_amendment(campaign_id: UUID, body: AmendmentIn, run: Run) -> Response:
    """Change the settings of a campaign that runs."""
    command = Amend(campaign_id, body.document, body.reason)
    return await run(profiles.amend, command, answer=AmendmentOut.model_validate, status=201)


@router.get("/campaigns/{campaign_id}/amendments", dependencies=[may("campaign", "read")])
async def get_amendments(campaign_id: UUID, run: Run) -> AmendmentPage:
    """What was changed in a campaign since it opened."""
    found = await run.read(store.amendments, campaign_id)
    return AmendmentPage(items=[AmendmentOut.model_validate(one) for one in found])
