"""What is held on a subject, as a workbook: one sheet per table, all cells text."""

import io
from typing import Any

import xlsxwriter


def workbook_of(held: dict[str, list[dict[str, Any]]]) -> bytes:
    """The bytes of an .xlsx file; nothing in a cell can act."""
    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    book: Any = xlsxwriter.Workbook(out, options)
    for table, rows in held.items():
        sheet = book.add_worksheet(table[:31])
        names = list(rows[0]) if rows else []
        for at, name in enumerate(names):
            sheet.write_string(0, at, name)
        for line, row in enumerate(rows, 1):
            for at, name in enumerate(names):
                sheet.write_string(line, at, str(row[name]))
    book.close()
    return out.getvalue()
