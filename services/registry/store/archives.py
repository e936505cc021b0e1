"""Look into an .xlsx before it is read: what it would unpack to, and what does not belong there.

Every part is unpacked as a stream and thrown away, a block at a time, so looking costs no memory.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from shared.kernel.errors import BadInput

MAX_UNPACKED_BYTES: Final = 400 * 1024 * 1024
MAX_STRINGS_BYTES: Final = 120 * 1024 * 1024
MAX_ENTRIES: Final = 500
MAX_SHEETS: Final = 50
MAX_CELLS: Final = 4_000_000
MAX_ROWS: Final = 200_000
MAX_RATIO: Final = 150
RATIO_FROM_BYTES: Final = 20 * 1024 * 1024
_BLOCK: Final = 1 << 20
_OVERLAP: Final = 256
_ENCRYPTED_BIT: Final = 0x1
_DECLARES: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_WIDE_CHARACTERS: Final = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
# Cells with something in them, in a column behind BL (the 64th) or a row with six digits or more.
_FAR_COLUMN: Final = re.compile(rb'<c [^>]*?\br="(?:[A-Z]{3}|B[M-Z]|[C-Z][A-Z])\d+"[^>]*(?<!/)>')
_FAR_ROW: Final = re.compile(rb'<c [^>]*?\br="[A-Z]{1,3}(\d{6,})"[^>]*(?<!/)>')
# Quick, and true wherever one of the two is: most blocks need no closer look.
_FAR: Final = re.compile(rb'r="(?:[A-Z][A-Z]|[A-Z]\d{6})')
_BROKEN: Final = (
    zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError,
)  # fmt: skip


def look_into(path: Path) -> None:
    """Refuse an archive that is no workbook, or none that can be read within our means.

    Raises: BadInput `file.not_a_spreadsheet`, `file.encrypted`, `file.too_large`,
    `file.too_many_rows`, `file.too_many_columns`, `file.external_link`, `file.unsafe_xml`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_directory(entries)
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")):
                    _check_part(entry, _blocks(archive, entry))
    except _BROKEN:
        raise not_a_spreadsheet() from None


def not_a_spreadsheet() -> BadInput:
    """What cannot be read as a table at all."""
    return BadInput("file.not_a_spreadsheet", "不是可识别的表格文件", "请上传 .xlsx 或 .csv 文件")


def _too_large(detail: str) -> BadInput:
    return BadInput("file.too_large", "文件解压后过大", detail)


def _check_directory(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    if any(entry.flag_bits & _ENCRYPTED_BIT for entry in entries):
        raise BadInput("file.encrypted", "文件已加密", "请去掉打开密码后重新上传")
    if len(set(names)) != len(names) or len(names) > MAX_ENTRIES:
        raise _too_large("文件内部结构异常,请另存为新的 .xlsx 后重新上传")
    if "xl/workbook.xml" not in names and "xl/workbook.bin" not in names:
        raise not_a_spreadsheet()
    if sum(name.startswith("xl/worksheets/sheet") for name in names) > MAX_SHEETS:
        raise _too_large(f"工作表过多,最多 {MAX_SHEETS} 个")
    if any(name.startswith("xl/externalLinks/") for name in names):
        raise BadInput("file.external_link", "文件引用了外部文件", "请粘贴为数值后另存,再上传")
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries) or 1
    if unpacked > MAX_UNPACKED_BYTES:
        raise _too_large("请拆分后分次上传")
    if unpacked > RATIO_FROM_BYTES and unpacked / packed > MAX_RATIO:
        raise _too_large("压缩比异常,请另存为新的 .xlsx 后重新上传")


def _blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a part block by block, each behind the end of the last; lying sizes fail here."""
    tail, size = b"", 0
    with archive.open(entry) as part:
        while block := part.read(_BLOCK):
            yield tail + block
            tail, size = block[-_OVERLAP:], size + len(block)
    if size != entry.file_size:
        raise zipfile.BadZipFile(entry.filename)


def _check_part(entry: zipfile.ZipInfo, blocks: Iterator[bytes]) -> None:
    sheet = entry.filename.startswith("xl/worksheets/")
    if entry.filename == "xl/sharedStrings.xml" and entry.file_size > MAX_STRINGS_BYTES:
        raise _too_large("文字过多,请拆分后分次上传")
    cells = 0
    for at, block in enumerate(blocks):
        if at == 0 and block.startswith(_WIDE_CHARACTERS):
            raise _unsafe(entry)
        if b"<!" in block and _DECLARES.search(block):
            raise _unsafe(entry)
        if sheet:
            cells += block.count(b"<c ") + block.count(b"<c>")
            _check_cells(block, cells)


def _unsafe(entry: zipfile.ZipInfo) -> BadInput:
    return BadInput("file.unsafe_xml", "文件含有不允许的内容", f"{entry.filename[-60:]}:实体声明")


def _check_cells(block: bytes, cells: int) -> None:
    if cells > MAX_CELLS:
        raise _too_large(f"单元格过多,最多 {MAX_CELLS} 个")
    if not _FAR.search(block):
        return
    if _FAR_COLUMN.search(block):
        raise BadInput("file.too_many_columns", "列数过多", "最多 64 列,请删去右侧多余的列")
    for found in _FAR_ROW.finditer(block):
        if int(found[1]) > MAX_ROWS:
            raise BadInput("file.too_many_rows", "行数过多", f"一次最多 {MAX_ROWS} 行")
