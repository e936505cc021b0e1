"""Makes of uploaded bytes a photo that can be kept: proven, small, and without hidden data.

Only what decodes as a picture is a picture: name and declared type of an upload prove nothing.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import pillow_heif
from PIL import Image, ImageOps

from services.visits.domain.jpeg import Odd, picture_only
from shared.kernel.errors import BadInput
from shared.kernel.limits import MB, PHOTO_MB

MAX_BYTES: Final = PHOTO_MB * MB
#: 50 MP is above every phone in use; a 1 MB file can claim a thousand times more.
MAX_PIXELS: Final = 50_000_000
MAX_SIDE_PX: Final = 1_600
QUALITY: Final = 85

_FORMATS: Final = ("JPEG", "PNG", "HEIF")
_TYPES: Final = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png"}
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_ORIENTATION, _TAKEN_AT, _TAKEN_OFFSET = 0x0112, 0x9003, 0x9011
_INSTANT = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
_OFFSET = re.compile(r"[+-]\d\d:\d\d")

pillow_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class Capture:
    """What the camera wrote: its own local time as written, and its place (WGS-84)."""

    taken_at: str | None = None
    longitude: float | None = None
    latitude: float | None = None


@dataclass(frozen=True, slots=True)
class CleanPhoto:
    """A photo fit to be kept, always a JPEG without metadata."""

    data: bytes
    width: int
    height: int
    original_type: str
    capture: Capture


def clean(raw: bytes) -> CleanPhoto:
    """Prove that the bytes are a picture, and take its size down and its hidden data out.

    Units:   pixels; `MAX_SIDE_PX` bounds the longer side.
    Raises:  BadInput `photo.not_an_image`, `photo.too_many_pixels`.
    Source:  JS-10, V2; personal data rules for photos.
    """
    try:
        with Image.open(BytesIO(raw), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_many_pixels()
            return _clean(image, raw)
    except BadInput:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Exception as error:  # a broken file can fail anywhere in a decoder: it is no picture
        raise BadInput(
            "photo.not_an_image", "不是有效的图片", "请上传 JPEG、PNG 或 HEIC 格式的照片"
        ) from error


def _too_many_pixels() -> BadInput:
    return BadInput("photo.too_many_pixels", "图片像素过多", "请上传不超过五千万像素的照片")


def _clean(image: Image.Image, raw: bytes) -> CleanPhoto:
    exif = image.getexif()
    capture, original_type = _capture(exif), _TYPES.get(image.format or "", "image/heic")
    width, height = image.size
    as_it_is = (
        original_type == "image/jpeg"
        and max(width, height) <= MAX_SIDE_PX
        and image.mode in ("RGB", "L")
        and exif.get(_ORIENTATION, 1) == 1
    )
    if as_it_is:
        try:
            data = picture_only(raw)
        except Odd:
            pass
        else:
            _prove(data)
            return CleanPhoto(data, width, height, original_type, capture)
    small = _reencodable(image)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return CleanPhoto(buffer.getvalue(), small.width, small.height, original_type, capture)


def _prove(data: bytes) -> None:
    """Decode what will be stored to the last byte; an eighth of the size proves as much."""
    with Image.open(BytesIO(data), formats=("JPEG",)) as image:
        image.draft("L", (image.width // 8, image.height // 8))
        image.load()


def _reencodable(image: Image.Image) -> Image.Image:
    image.draft(None, (MAX_SIDE_PX, MAX_SIDE_PX))  # JPEG only: decode at a half or a quarter
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BICUBIC)
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        see_through = upright.convert("RGBA")
        upright = Image.new("RGB", see_through.size, "white")
        upright.paste(see_through, mask=see_through.getchannel("A"))
    picture = upright.convert("RGB")
    picture.info.clear()
    return picture


def _capture(exif: Image.Exif) -> Capture:
    try:
        shot, place = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
        longitude, latitude = _degrees(place, 4, "W"), _degrees(place, 2, "S")
        whole = longitude is not None and latitude is not None
        return Capture(_taken_at(shot), longitude if whole else None, latitude if whole else None)
    except Exception:  # a camera's broken notes do not spoil its picture
        return Capture()


def _taken_at(shot: dict[int, Any]) -> str | None:
    written, offset = str(shot.get(_TAKEN_AT, "")), str(shot.get(_TAKEN_OFFSET, ""))
    if not _INSTANT.fullmatch(written):
        return None
    day, _, clock = written.partition(" ")
    return f"{day.replace(':', '-')}T{clock}{offset if _OFFSET.fullmatch(offset) else ''}"


def _degrees(place: dict[int, Any], tag: int, negative: str) -> float | None:
    parts = place.get(tag)
    if not parts or len(parts) != 3:
        return None
    value = float(parts[0]) + float(parts[1]) / 60 + float(parts[2]) / 3600
    limit = 180 if tag == 4 else 90
    if not value <= limit:
        return None
    return -value if place.get(tag - 1) == negative else value
