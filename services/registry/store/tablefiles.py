"""Write a table batch by batch as .xlsx, .csv or Parquet, in little memory."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import xlsxwriter

from services.registry.domain.tables import Format, TableColumn, harmless, shown
from services.registry.store.parquet import ParquetFile


class TableFile(Protocol):
    """A table being written."""

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Finish the file."""
        ...


def open_table(path: Path, columns: Sequence[TableColumn], form: Format) -> TableFile:
    """Begin a table file of a format."""
    match form:
        case "xlsx":
            return _Sheet(path, columns)
        case "csv":
            return _Csv(path, columns)
        case "parquet":
            return ParquetFile(path, [(column.name, column.kind) for column in columns])


class _Sheet:
    """Cells are text, numbers where they are counts; nothing becomes a formula or a link."""

    def __init__(self, path: Path, columns: Sequence[TableColumn]) -> None:
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_numbers": False,
                "strings_to_formulas": False,
                "strings_to_urls": False,
            },
        )
        self._sheet: Any = self._book.add_worksheet("数据")
        self._numbers = [column.kind == "number" for column in columns]
        self._next = 1
        self._sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            self._sheet.write_string(0, at, column.title)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        text, number = self._sheet.write_string, self._sheet.write_number
        for line, row in enumerate(rows, self._next):
            for at, value in enumerate(row):
                if value is None:
                    continue
                if self._numbers[at]:
                    number(line, at, value)
                else:
                    text(line, at, shown(value))
        self._next += len(rows)

    def close(self) -> None:
        self._book.close()


class _Csv:
    """UTF-8 with a mark, so that spreadsheet programs read Chinese; texts made harmless."""

    def __init__(self, path: Path, columns: Sequence[TableColumn]) -> None:
        self._out = path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._out)
        self._writer.writerow([column.title for column in columns])

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        self._writer.writerows(
            [
                [harmless(value) if isinstance(value, str) else shown(value) for value in row]
                for row in rows
            ]
        )

    def close(self) -> None:
        self._out.close()
