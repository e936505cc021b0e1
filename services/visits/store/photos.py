"""What is known of each photo; the pictures themselves lie in the folder."""

from dataclasses import dataclass
from uuid import UUID

from services.visits.domain.photo import Capture
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A kept photo: hashes and sizes of what came and of what is stored, and the camera's notes."""

    photo_id: UUID
    original_sha256: bytes
    original_bytes: int
    original_type: str
    stored_sha256: bytes
    stored_bytes: int
    width: int
    height: int
    capture: Capture


async def save(photo: Photo, institution_id: UUID, tx: Transaction) -> bool:
    """Write the row; False where the id is taken."""
    driver = await tx.driver()
    done = await driver.execute(
        "insert into photo (photo_id, institution_id, original_sha256, original_bytes,"
        " original_type, stored_sha256, stored_bytes, width, height, exif_taken_at,"
        " exif_longitude, exif_latitude, uploaded_by, uploaded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        " on conflict do nothing",
        photo.photo_id,
        institution_id,
        photo.original_sha256,
        photo.original_bytes,
        photo.original_type,
        photo.stored_sha256,
        photo.stored_bytes,
        photo.width,
        photo.height,
        photo.capture.taken_at,
        photo.capture.longitude,
        photo.capture.latitude,
        tx.principal.account_id,
        tx.now,
    )
    return done.endswith(" 1")


async def find(tx: Transaction, photo_id: UUID) -> Photo | None:
    """A photo of the caller's bank, of a visit in the caller's city, or any for the regulator."""
    conditions = Conditions()
    conditions.add("p.photo_id = {}", photo_id)
    if tx.principal.role == "bureau":
        conditions.add("v.region_code like {} || '%'", tx.principal.city_prefix() or "none")
    elif not tx.principal.sees_all:
        conditions.add("p.institution_id = {}", tx.principal.institution_id)
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"select p.* from photo p left join visit v using (visit_id){conditions.sql}",
        *conditions.values,
    )
    if row is None:
        return None
    return Photo(
        photo_id=row["photo_id"],
        original_sha256=row["original_sha256"],
        original_bytes=row["original_bytes"],
        original_type=row["original_type"],
        stored_sha256=row["stored_sha256"],
        stored_bytes=row["stored_bytes"],
        width=row["width"],
        height=row["height"],
        capture=Capture(row["exif_taken_at"], row["exif_longitude"], row["exif_latitude"]),
    )
