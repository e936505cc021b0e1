"""Write Parquet: optional columns of text, whole numbers, flags and days, compressed by Snappy.

The format's smallest useful part (version 1 pages, plain values), so that one export does not bring
a library of a hundred megabytes. Checked against an independent reader; see the test.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

import cramjam
import numpy as np

Kind = Literal["text", "number", "flag", "date"]
_MAGIC: Final = b"PAR1"
_EPOCH: Final = date(1970, 1, 1).toordinal()
# Physical type, and the converted type that says how to read it.
_TYPES: Final[dict[Kind, tuple[int, int | None]]] = {
    "text": (6, 0), "number": (2, None), "flag": (0, None), "date": (1, 6),
}  # fmt: skip
_PLAIN, _RLE, _SNAPPY, _OPTIONAL = 0, 3, 1, 1
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12


class ParquetFile:
    """A Parquet file being written: one row group per `write`."""

    def __init__(self, path: Path, columns: Sequence[tuple[str, Kind]]) -> None:
        self._out = path.open("wb")
        self._columns = columns
        self._groups: list[bytes] = []
        self._rows = 0
        self._out.write(_MAGIC)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows; every row has the columns' values in order."""
        if not rows:
            return
        chunks: list[bytes] = []
        size = 0
        for (name, kind), values in zip(self._columns, zip(*rows, strict=True), strict=True):
            chunk, length = self._column(name, kind, values)
            chunks.append(chunk)
            size += length
        self._groups.append(
            _struct((1, _LIST, _list(_STRUCT, chunks)), (2, _I64, size), (3, _I64, len(rows)))
        )
        self._rows += len(rows)

    def _column(self, name: str, kind: Kind, values: Sequence[Any]) -> tuple[bytes, int]:
        there = np.fromiter((value is not None for value in values), bool, len(values))
        packed = np.packbits(there, bitorder="little").tobytes()
        levels = _varint(((len(values) + 7) // 8) << 1 | 1) + packed
        body = struct.pack("<I", len(levels)) + levels
        body += _encoded(kind, [value for value in values if value is not None])
        squeezed = bytes(cramjam.snappy.compress_raw(body))
        page = _struct(
            (1, _I32, 0),
            (2, _I32, len(body)),
            (3, _I32, len(squeezed)),
            (
                5,
                _STRUCT,
                _struct(
                    (1, _I32, len(values)), (2, _I32, _PLAIN), (3, _I32, _RLE), (4, _I32, _RLE)
                ),
            ),
        )
        place = self._out.tell()
        self._out.write(page)
        self._out.write(squeezed)
        meta = _struct(
            (1, _I32, _TYPES[kind][0]),
            (2, _LIST, _list(_I32, [_zigzag(_PLAIN), _zigzag(_RLE)])),
            (3, _LIST, _list(_BINARY, [_binary(name)])),
            (4, _I32, _SNAPPY),
            (5, _I64, len(values)),
            (6, _I64, len(page) + len(body)),
            (7, _I64, len(page) + len(squeezed)),
            (9, _I64, place),
        )
        return _struct((2, _I64, place), (3, _STRUCT, meta)), len(page) + len(body)

    def close(self) -> None:
        """Write the footer; without it the file is none."""
        root = _struct((4, _BINARY, "table"), (5, _I32, len(self._columns)))
        schema = [root, *(_element(name, kind) for name, kind in self._columns)]
        footer = _struct(
            (1, _I32, 1),
            (2, _LIST, _list(_STRUCT, schema)),
            (3, _I64, self._rows),
            (4, _LIST, _list(_STRUCT, self._groups)),
            (6, _BINARY, "yinqi"),
        )
        self._out.write(footer + struct.pack("<I", len(footer)) + _MAGIC)
        self._out.close()


def _element(name: str, kind: Kind) -> bytes:
    physical, converted = _TYPES[kind]
    fields: list[tuple[int, int, Any]] = [
        (1, _I32, physical), (3, _I32, _OPTIONAL), (4, _BINARY, name),
    ]  # fmt: skip
    if converted is not None:
        fields.append((6, _I32, converted))
    return _struct(*fields)


def _encoded(kind: Kind, values: Sequence[Any]) -> bytes:
    match kind:
        case "text":
            texts = [str(value).encode() for value in values]
            return b"".join([struct.pack("<I", len(text)) + text for text in texts])
        case "number":
            return np.array(values, "<i8").tobytes()
        case "date":
            return np.array([day.toordinal() - _EPOCH for day in values], "<i4").tobytes()
        case _:
            return np.packbits(np.array(values, bool), bitorder="little").tobytes()


# What follows is the compact protocol of Thrift, as far as the format's headers need it.


def _struct(*fields: tuple[int, int, Any]) -> bytes:
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        last = number
        match kind:
            case 5 | 6:
                out += _zigzag(value)
            case 8:
                out += _binary(value)
            case _:
                out += value
    return bytes(out) + b"\0"


def _list(kind: int, items: Iterable[bytes]) -> bytes:
    parts = list(items)
    size = len(parts)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + _varint(size)
    return head + b"".join(parts)


def _binary(text: str) -> bytes:
    raw = text.encode()
    return _varint(len(raw)) + raw


def _zigzag(value: int) -> bytes:
    return _varint(value << 1 if value >= 0 else (-value << 1) - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
