"""Read a spreadsheet or CSV file as rows of cells. Runs only in the checking process.

The file is hostile until read: what it unpacks to is looked at before, memory and time are
limited by the process (`usecases/checking.py`).
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, ZipError

from services.registry.domain.cells import Cell
from services.registry.store.archives import MAX_ROWS, look_into, not_a_spreadsheet
from shared.kernel.errors import BadInput

MAX_OLD_BYTES: Final = 10 * 1024 * 1024
MAX_COLUMNS: Final = 64
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")

Rows = list[list[Cell]]


@dataclass(frozen=True, slots=True)
class Book:
    """An opened file: the names of its sheets, and how to read one."""

    sheets: tuple[str, ...]
    _workbook: Any = None
    _rows: Rows | None = None

    def rows(self, sheet: str) -> Rows:
        """All lines of a sheet, from the first; every line as long as the widest.

        Raises: BadInput `file.too_many_rows`, `file.too_many_columns`, `file.unreadable`.
        """
        rows = self._rows if self._rows is not None else _read(self._workbook, sheet)
        if len(rows) > MAX_ROWS:
            raise BadInput(
                "file.too_many_rows", "行数过多", f"{len(rows)} 行,一次最多 {MAX_ROWS} 行"
            )
        return rows


def open_book(path: Path) -> Book:
    """Open an uploaded file by what it is, not by its name.

    Raises: BadInput `file.empty`, `file.encrypted`, `file.old_format`, `file.not_a_spreadsheet`,
    `file.too_large`.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if not head:
        raise BadInput("file.empty", "文件是空的", "请选择有内容的文件")
    if head == _OLE:
        return _open_old(path)
    if head.startswith(b"PK"):
        return _open_xlsx(path)
    return Book(("CSV",), _rows=_csv(path.read_bytes()))


def _open_old(path: Path) -> Book:
    """Open an .xls, whatever its name says: many an "xlsx" was only renamed."""
    content = path.read_bytes()
    if _ENCRYPTED in content:
        raise BadInput("file.encrypted", "文件已加密", "请去掉打开密码后重新上传")
    if len(content) > MAX_OLD_BYTES:
        raise BadInput("file.old_format", "旧版 Excel 文件过大", "请另存为 .xlsx 后重新上传")
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
    except PasswordError as error:
        raise BadInput("file.encrypted", "文件已加密", "请去掉打开密码后重新上传") from error
    except (CalamineError, OSError) as error:
        raise BadInput("file.old_format", "旧版 Excel 文件", "请另存为 .xlsx 后重新上传") from error
    if not workbook.sheet_names:
        raise not_a_spreadsheet()
    return Book(tuple(workbook.sheet_names), _workbook=workbook)


def _open_xlsx(path: Path) -> Book:
    look_into(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
    except PasswordError as error:
        raise BadInput("file.encrypted", "文件已加密", "请去掉打开密码后重新上传") from error
    except (CalamineError, ZipError, OSError) as error:
        raise not_a_spreadsheet() from error
    if not workbook.sheet_names:
        raise not_a_spreadsheet()
    return Book(tuple(workbook.sheet_names), _workbook=workbook)


def _read(workbook: CalamineWorkbook, sheet: str) -> Rows:
    try:
        opened = workbook.get_sheet_by_name(sheet)
        if opened.total_width > MAX_COLUMNS:
            raise BadInput(
                "file.too_many_columns",
                "列数过多",
                f"{opened.total_width} 列,最多 {MAX_COLUMNS} 列",
            )
        rows: Any = opened.to_python(skip_empty_area=False)
    except (CalamineError, ZipError) as error:
        raise BadInput("file.unreadable", "工作表无法读取", "请另存为新的 .xlsx 后重试") from error
    return rows


def _csv(content: bytes) -> Rows:
    text = _decoded(content)
    if "\x00" in text:
        raise not_a_spreadsheet()
    first = text[:4096].splitlines()[:5]
    if not first:
        raise BadInput("file.empty", "文件是空的", "请选择有内容的文件")
    delimiter = max(",\t;", key=lambda each: max(line.count(each) for line in first))
    try:
        rows: Rows = [list(row) for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error as error:
        raise not_a_spreadsheet() from error
    width = max(map(len, rows), default=0)
    if width < 2:
        raise not_a_spreadsheet()
    if width > MAX_COLUMNS:
        raise BadInput("file.too_many_columns", "列数过多", f"{width} 列,最多 {MAX_COLUMNS} 列")
    return [row + [""] * (width - len(row)) for row in rows]


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return content.decode("gb18030")
        except UnicodeDecodeError as error:
            raise not_a_spreadsheet() from error


def as_text(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The cells as a report shows them: text only, so that nothing in them can act."""
    return [[_shown(cell) for cell in row] for row in rows]


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
