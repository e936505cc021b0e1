"""Photos: what is taken as one, what is kept of it, who may see it."""

import asyncio
import base64
import hashlib
import io
import struct
import zlib
from pathlib import Path
from uuid import uuid4

import pillow_heif
import pytest
from PIL import Image

from services.visits.domain.jpeg import Odd, picture_only
from services.visits.domain.photo import clean
from services.visits.store import photo_files
from shared.kernel.errors import BadInput
from tests.support.stack import Stack
from tests.visits.scenario import Campaign, a_jpeg

PLACE_IFD, SHOT_IFD = 0x8825, 0x8769


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB")


def encoded(image: Image.Image, kind: str, **save: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


def with_exif(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(SHOT_IFD).update({0x9003: "2022:06:14 10:05:00", 0x9011: "+08:00"})
    exif.get_ifd(PLACE_IFD).update({1: "N", 2: (31.0, 19.0, 12.0), 3: "E", 4: (120.0, 37.0, 12.0)})
    return encoded(noise((200, 100)), "JPEG", exif=exif, comment=b"private words")


def a_png_claiming(width: int, height: int) -> bytes:
    """A few bytes that unpack to width × height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 1000)), chunk(b"IEND", b"")]
    )


def a_heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(noise((320, 240))).save(buffer, quality=60)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("raw", "original_type"),
    [
        (a_jpeg(), "image/jpeg"),
        (encoded(noise((64, 64)), "PNG"), "image/png"),
        (a_heic(), "image/heic"),
    ],
    ids=["jpeg", "png", "heic"],
)
async def test_JS_10_a_jpeg_png_or_heic_is_kept_as_a_jpeg(
    campaign: Campaign, stack: Stack, raw: bytes, original_type: str
) -> None:
    manager, photo_id = campaign.manager(), uuid4()

    answer = await manager("PUT", f"/photos/{photo_id}", content=raw)
    stored = await manager.get(f"/photos/{photo_id}")

    assert answer.status_code == 201, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(raw).hexdigest()
    assert answer.json()["stored_sha256"] == hashlib.sha256(stored.content).hexdigest()
    assert stored.headers["content-type"] == "image/jpeg"
    assert stored.headers["x-content-type-options"] == "nosniff"
    assert Image.open(io.BytesIO(stored.content)).format == "JPEG"
    [row] = await stack.rows("visits", "select original_type from photo")
    assert row["original_type"] == original_type


async def test_V10_the_same_bytes_again_change_nothing_and_others_are_a_conflict(
    campaign: Campaign, stack: Stack
) -> None:
    manager, photo_id = campaign.manager(), uuid4()
    first = await manager("PUT", f"/photos/{photo_id}", content=a_jpeg("red"))
    again = await manager("PUT", f"/photos/{photo_id}", content=a_jpeg("red"))
    other = await manager("PUT", f"/photos/{photo_id}", content=a_jpeg("blue"))
    stranger = campaign.manager(campaign.other_bank)
    taken = await stranger("PUT", f"/photos/{photo_id}", content=a_jpeg("red"))
    assert [first.status_code, again.status_code, other.status_code] == [201, 200, 409]
    assert first.json() == again.json()
    assert (taken.status_code, taken.json()["code"]) == (409, "photo.id_taken")
    assert len(await stack.rows("visits", "select from photo")) == 1


async def test_V10_twins_of_one_upload_keep_one_photo(campaign: Campaign, stack: Stack) -> None:
    manager, photo_id = campaign.manager(), uuid4()
    answers = await asyncio.gather(
        *(manager("PUT", f"/photos/{photo_id}", content=a_jpeg("green")) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.content for answer in answers}) == 1


async def test_S17_V2_the_cameras_notes_are_kept_in_columns_and_leave_the_file(
    campaign: Campaign, stack: Stack
) -> None:
    manager, photo_id = campaign.manager(), uuid4()
    await manager("PUT", f"/photos/{photo_id}", content=with_exif())

    stored = (await manager.get(f"/photos/{photo_id}")).content

    assert b"Exif" not in stored
    assert b"private words" not in stored
    [row] = await stack.rows(
        "visits", "select exif_taken_at, exif_longitude, exif_latitude from photo"
    )
    assert row["exif_taken_at"] == "2022-06-14T10:05:00+08:00"
    assert (round(row["exif_longitude"], 4), round(row["exif_latitude"], 4)) == (120.62, 31.32)


def test_a_photo_of_the_right_size_keeps_its_pixels_bit_for_bit() -> None:
    raw = with_exif()
    kept = clean(raw + b"something behind the end")
    assert len(kept.data) < len(raw)
    assert Image.open(io.BytesIO(kept.data)).tobytes() == Image.open(io.BytesIO(raw)).tobytes()
    assert kept.data.endswith(b"\xff\xd9")


def test_a_progressive_photo_keeps_its_pixels_bit_for_bit() -> None:
    raw = encoded(noise((300, 200)), "JPEG", progressive=True, comment=b"private words")
    kept = clean(raw)
    assert b"private words" not in kept.data
    assert Image.open(io.BytesIO(kept.data)).tobytes() == Image.open(io.BytesIO(raw)).tobytes()


def test_a_photo_taken_with_the_phone_turned_is_stored_upright() -> None:
    kept = clean(with_exif(orientation=6))
    assert (kept.width, kept.height) == (100, 200)
    assert b"Exif" not in kept.data
    assert b"private words" not in kept.data


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_photo_is_taken_down_to_1600_pixels(kind: str) -> None:
    kept = clean(encoded(Image.new("RGB", (4000, 3000), "navy"), kind))
    assert (kept.width, kept.height) == (1600, 1200)


def test_a_see_through_picture_stands_on_white() -> None:
    kept = clean(encoded(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), "PNG"))
    assert Image.open(io.BytesIO(kept.data)).getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "photo.not_an_image"),
        (b"<svg onload='alert(1)'/>", "photo.not_an_image"),
        (b"\xff\xd8\xff\xe0" + b"x" * 500, "photo.not_an_image"),
        (a_jpeg()[:600], "photo.not_an_image"),
        (encoded(Image.new("RGB", (9, 9)), "GIF"), "photo.not_an_image"),
        (encoded(Image.new("RGB", (9, 9)), "BMP"), "photo.not_an_image"),
        (a_png_claiming(40, 40), "photo.not_an_image"),
        (a_png_claiming(10_000, 6_000), "photo.too_many_pixels"),
        (a_png_claiming(60_000, 60_000), "photo.too_many_pixels"),
    ],
    ids=["empty", "svg", "noise", "cut", "gif", "bmp", "cut png", "60 MP", "bomb"],
)
async def test_S17_JS_10_what_is_no_photo_is_refused_and_leaves_nothing(
    campaign: Campaign, stack: Stack, raw: bytes, code: str
) -> None:
    answer = await campaign.manager()("PUT", f"/photos/{uuid4()}", content=raw)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await stack.rows("visits", "select from photo") == []


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 200, -2])
def test_a_jpeg_cut_anywhere_is_odd_and_never_read_past_its_end(cut: int) -> None:
    with pytest.raises(Odd):
        picture_only(a_jpeg()[:cut])


def test_any_cut_or_flipped_byte_is_refused_or_gives_a_clean_photo() -> None:
    raw = with_exif()
    for at in range(0, len(raw), 37):
        for broken in (raw[:at], raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]):
            try:
                kept = clean(broken)
            except BadInput:
                continue
            assert b"private words" not in kept.data
            Image.open(io.BytesIO(kept.data)).load()


async def test_a_photo_above_15_MB_is_refused_unread(campaign: Campaign) -> None:
    answer = await campaign.manager()(
        "PUT", f"/photos/{uuid4()}", content=b"\0" * (15 * 1024 * 1024 + 1)
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "photo.too_large")

    async def endless():
        for _ in range(17):
            yield b"\0" * 1024 * 1024

    answer = await campaign.manager()("PUT", f"/photos/{uuid4()}", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "photo.too_large")


async def test_V10_a_body_that_does_not_fit_its_digest_is_refused(campaign: Campaign) -> None:
    raw, manager = a_jpeg(), campaign.manager()
    right = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    for digest, status in [(right, 201), (wrong, 422), ("x", 422)]:
        answer = await manager(
            "PUT",
            f"/photos/{uuid4()}",
            content=raw,
            headers={"content-digest": f"sha-256=:{digest}:"},
        )
        assert answer.status_code == status, answer.text


async def test_a_photo_is_seen_by_its_bank_its_city_and_the_regulator_only(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    path = f"/photos/{photo_id}"
    assert (await campaign.bureau("320500").get(path)).status_code == 404  # no visit yet
    await manager.post("/visits", json=campaign.report(enterprise_id, photo_ids=[photo_id]))
    seen = {
        "bank": (await campaign.bank_head().get(path)).status_code,
        "other bank": (await campaign.bank_head(campaign.other_bank).get(path)).status_code,
        "its city": (await campaign.bureau("320500").get(path)).status_code,
        "other city": (await campaign.bureau("320200").get(path)).status_code,
        "regulator": (await campaign.regulator().get(path)).status_code,
    }
    assert seen == {
        "bank": 200,
        "other bank": 404,
        "its city": 200,
        "other city": 404,
        "regulator": 200,
    }


async def test_nobody_outside_a_bank_uploads(campaign: Campaign) -> None:
    answer = await campaign.regulator()("PUT", f"/photos/{uuid4()}", content=a_jpeg())
    assert answer.status_code == 403


def test_a_file_is_whole_under_its_name_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(b"content").digest()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    photo_files.path_of(tmp_path, digest).parent.mkdir(parents=True)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            photo_files.write(tmp_path, digest, b"content")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    photo_files.write(tmp_path, digest, b"content")
    photo_files.write(tmp_path, digest, b"content")
    assert photo_files.path_of(tmp_path, digest).read_bytes() == b"content"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
