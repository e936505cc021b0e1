"""Takes everything out of a JPEG but the picture, without decoding and encoding it again.

A photo that already has the right size keeps its pixels bit for bit, and costs a fraction of a
re-encoding. What may stand in a JPEG beside the picture (Exif with the place, comments, previews,
other pictures, anything after the end) is not copied.
"""

import re
from typing import Final

_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_START_OF_SCAN: Final = 0xDA
_END: Final = 0xD9
_COMMENT: Final = 0xFE
_APP: Final = range(0xE0, 0xF0)
_JFIF_BYTES: Final = 16  # without the small preview the segment may carry
# In the picture's data 0xFF is followed by 0x00 or a restart mark; anything else is a new segment.
_NEXT_SEGMENT: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


class Odd(ValueError):
    """The file is not laid out as a plain JPEG: it has to be decoded and encoded again."""


def picture_only(raw: bytes) -> bytes:
    """The same picture without metadata and without anything behind its end.

    Units:   bytes.
    Raises:  Odd.
    Source:  personal data rules for photos: no Exif in what is stored.
    """
    if raw[:2] != _SOI:
        raise Odd("no start of image")
    kept, at = [_SOI], 2
    while True:
        marker, start = _marker(raw, at)
        if marker == _END:
            return b"".join([*kept, _EOI])
        end = start + 1 + _length(raw, start + 1)
        if marker == _START_OF_SCAN:
            found = _NEXT_SEGMENT.search(raw, end)
            if found is None:
                raise Odd("no end of image")
            end = found.start()
        if _belongs(marker, raw[start + 3 : end]):
            kept.append(b"\xff" + raw[start:end])
        at = end


def _marker(raw: bytes, at: int) -> tuple[int, int]:
    """The marker at `at` and its position, behind any fill bytes."""
    if raw[at : at + 1] != b"\xff":
        raise Odd("a segment does not begin with a marker")
    while raw[at : at + 1] == b"\xff":
        at += 1
    if at >= len(raw) or raw[at] in (0x00, 0x01) or 0xD0 <= raw[at] <= 0xD8:
        raise Odd("a marker stands where none may")
    return raw[at], at


def _length(raw: bytes, at: int) -> int:
    length = int.from_bytes(raw[at : at + 2], "big")
    if length < 2 or at + length > len(raw):
        raise Odd("a segment is longer than the file")
    return length


def _belongs(marker: int, content: bytes) -> bool:
    """Whether a segment is part of the picture; of the free ones only what its colours need."""
    if marker == _APP[0]:
        return content.startswith(b"JFIF\0") and len(content) == _JFIF_BYTES - 2
    if marker == _APP[14]:
        return content.startswith(b"Adobe")
    return marker not in _APP and marker != _COMMENT
