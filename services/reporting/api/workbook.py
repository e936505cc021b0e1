"""A bulletin as a workbook: the frozen numbers, in 万元 where they are money (ST-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from shared.kernel.periods import SHANGHAI

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHEETS: Final = (
    ("by_region", "按地区", ("region_name",), ("地区",)),
    ("by_institution", "按机构", ("institution_name",), ("机构",)),
    (
        "by_region_and_institution",
        "按地区和机构",
        ("region_name", "institution_name"),
        ("地区", "机构"),
    ),
)
_HEAD_ROWS: Final = 3


def workbook(body: Mapping[str, Any], *, sha256: str, created_at: datetime) -> bytes:
    """The workbook of an edition's content; the same edition gives the same numbers for ever."""
    buffer = BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    # Without a fixed date, the same edition would give other bytes each time.
    book.set_properties({"created": created_at.astimezone(SHANGHAI).replace(tzinfo=None)})
    formats = {
        "title": book.add_format({"bold": True, "font_size": 14}),
        "head": book.add_format({"bold": True, "bg_color": "#DCE6F1", "text_wrap": True}),
        "count": book.add_format({"num_format": "#,##0"}),
        "money": book.add_format({"num_format": "#,##0.00"}),
    }
    for section, name, keys, heads in _SHEETS:
        sheet = book.add_worksheet(name)
        _write_head(sheet, body, heads, formats)
        lines = [tuple(line.get(key, "") for key in keys) for line in body[section]]
        lines.append(("合计", *("" for _ in keys[1:])))
        cells = [*body[section], body["total"]]
        for row, (place, line) in enumerate(zip(lines, cells, strict=True), start=_HEAD_ROWS):
            _write_place(sheet, row, place)
            _write_cells(sheet, row, len(place), line, body["definitions"], formats=formats)
        last = _HEAD_ROWS + len(lines) - 1
        for at, note in enumerate([*body["notes"], f"SHA-256 {sha256}"]):
            sheet.write_string(last + 2 + at, 0, note)
        sheet.freeze_panes(_HEAD_ROWS, len(keys))
    book.close()
    return buffer.getvalue()


def _write_head(
    sheet: Worksheet, body: Mapping[str, Any], heads: tuple[str, ...], formats: dict[str, Format]
) -> None:
    title = f"{body['quarter']} 银企对接情况通报(第 {body['edition']} 版)"
    sheet.write_string(0, 0, title, formats["title"])
    sheet.write_string(1, 0, f"数据截至 {body['known_at']};金额单位:万元")
    for column, head in enumerate(heads):
        sheet.write_string(2, column, head, formats["head"])
    for at, definition in enumerate(body["definitions"]):
        sheet.write_string(2, len(heads) + at, definition["name"], formats["head"])
    sheet.set_column(0, len(heads) - 1, 28)
    sheet.set_column(len(heads), len(heads) + len(body["definitions"]), 14)


def _write_place(sheet: Worksheet, row: int, place: tuple[str, ...]) -> None:
    for column, text in enumerate(place):
        sheet.write_string(row, column, text)


def _write_cells(
    sheet: Worksheet,
    row: int,
    first_column: int,
    line: Mapping[str, Any],
    definitions: Sequence[Mapping[str, Any]],
    *,
    formats: dict[str, Format],
) -> None:
    for column, definition in enumerate(definitions, start=first_column):
        code = definition["code"]
        if code in line["wan"]:
            # The printed string decides; the cell holds that very number.
            sheet.write_number(row, column, float(line["wan"][code]), formats["money"])
        else:
            sheet.write_number(row, column, line["metrics"][code], formats["count"])
