"""Forty files made to hurt: what each is, its bytes, and the code it must be refused with."""

import io
import struct
import zipfile
from collections.abc import Callable, Iterator

from tests.registry.sheets import firm, lines_of, xlsx

GOOD = xlsx(lines_of([firm(1)]))
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
_MB = 1 << 20


def parts() -> dict[str, bytes]:
    """The parts of a good workbook."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(changed: dict[str, bytes], *, without: tuple[str, ...] = ()) -> bytes:
    """A workbook with some parts changed, added or left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (parts() | changed).items():
            if name not in without:
                archive.writestr(name, content)
    return out.getvalue()


def streamed(name: str, head: str, piece: str, times: int, tail: str) -> bytes:
    """A workbook with one part far larger than what this test wants to hold."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for each, content in parts().items():
            if each != name:
                archive.writestr(each, content)
        with archive.open(name, "w", force_zip64=True) as part:
            part.write(head.encode())
            block = piece.encode() * 1_000
            for _ in range(times // 1_000):
                part.write(block)
            part.write(tail.encode())
    return out.getvalue()


def sheet(rows: str, dimension: str = "A1:B2") -> bytes:
    text = f'{XML}<worksheet {MAIN}><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    return text.encode()


def declared(entity: str, use: str = "&x;") -> bytes:
    """Shared strings with a document type of their own."""
    return f"{XML}<!DOCTYPE sst [{entity}]><sst {MAIN}><si><t>{use}</t></si></sst>".encode()


def laughs(depth: int, width: int) -> bytes:
    names = ['<!ENTITY x0 "ha">'] + [
        f'<!ENTITY x{n} "{"".join([f"&x{n - 1};"] * width)}">' for n in range(1, depth)
    ]
    return declared("".join(names), f"&x{depth - 1};")


def lying(grow: bool) -> bytes:
    """A sheet whose sizes in the directory are not those of what it unpacks to."""
    raw = bytearray(packed({}))
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entry = archive.getinfo(SHEET)
    told = struct.pack("<L", entry.file_size * 7 if grow else 10)
    at = raw.index(b"PK\x01\x02")
    while True:
        size = struct.unpack("<H", raw[at + 28 : at + 30])[0]
        if raw[at + 46 : at + 46 + size].decode() == SHEET:
            raw[at + 24 : at + 28] = told
            return bytes(raw)
        at = raw.index(b"PK\x01\x02", at + 4)


def twice(name: str) -> bytes:
    out = io.BytesIO(GOOD)
    with zipfile.ZipFile(out, "a") as archive:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(name, parts()[name])
    return out.getvalue()


def sheets(count: int) -> bytes:
    return packed({f"xl/worksheets/sheet{n}.xml": sheet("") for n in range(2, count + 2)})


def flagged() -> bytes:
    """The bit that says "encrypted" on every part."""
    raw = bytearray(GOOD)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + place] |= 1
            at = raw.find(mark, at + 4)
    return bytes(raw)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CELL = '<row r="1"><c r="{}"><v>1</v></c></row>'
NULLS = "\u0000" * 1_000
_ROW = '<row><c t="n"><v>1</v></c><c t="n"><v>2</v></c><c t="n"><v>3</v></c></row>'

Made = Callable[[], bytes]
HOSTILE: tuple[tuple[str, Made, str], ...] = (
    ("rows without end", lambda: streamed(SHEET, f"{XML}<worksheet {MAIN}><sheetData>", _ROW, 1_500_000, "</sheetData></worksheet>"), "file.too_large"),
    ("a ratio of a thousand", lambda: packed({SHEET: sheet(" " * (60 * _MB))}), "file.too_large"),
    ("half a gigabyte", lambda: streamed("xl/media/a.bin", "", NULLS, 500_000, ""), "file.too_large"),
    ("strings without end", lambda: streamed(STRINGS, f"{XML}<sst {MAIN}>", "<si><t>" + "样例" * 40 + "</t></si>", 800_000, "</sst>"), "file.too_large"),
    ("one string of 150 MB", lambda: streamed(STRINGS, f"{XML}<sst {MAIN}><si><t>", "abcdefghij" * 15, 1_000_000, "</t></si></sst>"), "file.too_large"),
    ("a cell at the far corner", lambda: packed({SHEET: sheet(CELL.format("A1") + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')}), "file.too_many_columns"),
    ("a cell in the last column", lambda: packed({SHEET: sheet(CELL.format("XFD1"))}), "file.too_many_columns"),
    ("a cell in the 65th column", lambda: packed({SHEET: sheet(CELL.format("BM1"))}), "file.too_many_columns"),
    ("a cell in the last row", lambda: packed({SHEET: sheet('<row r="1048576"><c r="A1048576"><v>1</v></c></row>')}), "file.too_many_rows"),
    ("a dimension that lies", lambda: packed({SHEET: sheet(CELL.format("A1"), "A1:XFD1048576")}), "header.missing_column"),
    ("a dimension below nothing", lambda: packed({SHEET: sheet("", "A1:A0")}), "file.unreadable"),
    ("an entity of a local file", lambda: packed({STRINGS: declared('<!ENTITY x SYSTEM "file:///etc/hostname">')}), "file.unsafe_xml"),
    ("an entity from the net", lambda: packed({STRINGS: declared('<!ENTITY x SYSTEM "http://127.0.0.1:9/x">')}), "file.unsafe_xml"),
    ("a parameter entity", lambda: packed({STRINGS: declared('<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;', "")}), "file.unsafe_xml"),
    ("a billion laughs", lambda: packed({STRINGS: laughs(10, 10)}), "file.unsafe_xml"),
    ("quadratic laughs", lambda: packed({STRINGS: declared(f'<!ENTITY x "{"a" * 50_000}">', "&x;" * 5_000)}), "file.unsafe_xml"),
    ("laughs in the sheet", lambda: packed({SHEET: laughs(8, 12)}), "file.unsafe_xml"),
    ("laughs in the workbook", lambda: packed({"xl/workbook.xml": laughs(8, 12)}), "file.unsafe_xml"),
    ("a type in small letters", lambda: packed({STRINGS: declared("").replace(b"DOCTYPE", b"doctype")}), "file.unsafe_xml"),
    ("an entity in UTF-16", lambda: packed({STRINGS: declared('<!ENTITY x SYSTEM "file:///etc/hostname">').decode().encode("utf-16")}), "file.unsafe_xml"),
    ("an entity behind a megabyte", lambda: packed({STRINGS: f"{XML}<!--{'x' * _MB}--><!DOCTYPE a [<!ENTITY x 'y'>]><sst {MAIN}/>".encode()}), "file.unsafe_xml"),
    ("an external workbook", lambda: packed({"xl/externalLinks/externalLink1.xml": b"<a/>"}), "file.external_link"),
    ("a DDE link", lambda: packed({"xl/externalLinks/externalLink2.xml": b"<ddeLink ddeService='cmd' ddeTopic='x'/>"}), "file.external_link"),
    ("two sheets of one name in the archive", lambda: twice(SHEET), "file.too_large"),
    ("two workbooks in the archive", lambda: twice("xl/workbook.xml"), "file.too_large"),
    ("a size told too small", lambda: lying(grow=False), "file.not_a_spreadsheet"),
    ("a size told too large", lambda: lying(grow=True), "file.not_a_spreadsheet"),
    ("sixty sheets", lambda: sheets(60), "file.too_large"),
    ("ten thousand sheets", lambda: sheets(10_000), "file.too_large"),
    ("parts marked as encrypted", flagged, "file.encrypted"),
    ("an encrypted package", lambda: OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 600, "file.encrypted"),
    ("an old file that is none", lambda: OLE + b"x" * 5_000, "file.old_format"),
    ("an old file cut short", lambda: OLE + b"\0" * 100, "file.old_format"),
    ("an old file of 11 MB", lambda: OLE + b"\0" * (11 * _MB), "file.old_format"),
    ("an archive cut short", lambda: GOOD[: len(GOOD) // 2], "file.not_a_spreadsheet"),
    ("an archive with a broken block", lambda: GOOD[:200] + b"\xff" * 300 + GOOD[500:], "file.not_a_spreadsheet"),
    ("an archive of something else", lambda: packed({}, without=("xl/workbook.xml",)), "file.not_a_spreadsheet"),
    ("a workbook without its sheet", lambda: packed({}, without=(SHEET,)), "file.unreadable"),
    ("a picture by another name", lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "file.not_a_spreadsheet"),
    ("a program by another name", lambda: b"MZ\x90\x00" + bytes(range(256)) * 20, "file.not_a_spreadsheet"),
    ("a page by another name", lambda: b"<html><script>alert(1)</script></html>", "file.not_a_spreadsheet"),
    ("text with zero bytes", lambda: b"a,b\n\x00\x00,1\n", "file.not_a_spreadsheet"),
    ("a line of 30 MB", lambda: b"a,b\n" + b"x" * (30 * _MB) + b",1\n", "file.not_a_spreadsheet"),
    ("a thousand columns of text", lambda: b",".join([b"a"] * 1_000) + b"\n", "file.too_many_columns"),
    ("a quote that never ends", lambda: b'a,b\n"' + b"x,1\n" * 2_000_000, "file.not_a_spreadsheet"),
    ("nothing", lambda: b"", "file.empty"),
)  # fmt: skip


def hostile() -> Iterator[tuple[str, bytes, str]]:
    """Name, bytes and expected code of every file, made one at a time."""
    for name, made, code in HOSTILE:
        yield name, made(), code
