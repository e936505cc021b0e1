"""The checking process: reads one uploaded file and tells, row by row, what may be taken.

An uploaded file is hostile until read, so it is opened in a process without secrets, with limited
memory and time. It writes frames to its output: `Opened` or `Failed`, then `Chunk` after `Chunk`.
The same file gives the same chunks: an interrupted import is begun again from the first.

    python -m services.registry.usecases.checking TASK PATH KIND SHEET BYTES SECONDS MAPPING [MORE]

where TASK is `check`, `report` (MORE: the file to write) or `row` (MORE: its number, and cells to
put right as JSON).
"""

import gc
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, Final, cast

import msgspec

from services.registry.domain.cells import text_of
from services.registry.domain.checkers import CHECKERS
from services.registry.domain.columns import FORMS
from services.registry.domain.header import Header, find_header
from services.registry.domain.places import prepare
from services.registry.domain.reasons import reason
from services.registry.domain.records import AnyRecord, Kind, Rejected
from services.registry.domain.rows import Checker, Row, check_rows, split_lines
from services.registry.store.sheets import Book, Rows, as_text, open_book
from shared.kernel.errors import BadInput

CHUNK_ROWS: Final = 2_000
LENGTH: Final = struct.Struct(">I")


class Opened(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The file could be read: which sheet and columns, how many rows, what was passed over."""

    sheet: str
    columns: dict[str, str]
    headers: tuple[str, ...]
    rows: int
    blank: int
    skipped: list[tuple[int, str]]


class Failed(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """The file as a whole cannot be taken; headers and columns are those of its likeliest sheet."""

    code: str
    title: str
    detail: str
    headers: tuple[str, ...] = ()
    columns: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Chunk(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Some rows in order; `taken` holds records of the file's kind."""

    rows: int
    taken: msgspec.Raw
    rejected: list[Rejected]


class ColumnsMissing(BadInput):
    """A sheet lacks columns that its kind cannot do without."""

    header: Header | None = None


Frame = Opened | Failed | Chunk
Outcomes = dict[int, tuple[str, str]]


def choose_sheet(
    book: Book, kind: Kind, wanted: str, named: Mapping[str, str]
) -> tuple[str, Rows, Header]:
    """Return the wanted sheet, or the first that has this kind's columns.

    Raises: BadInput `sheet.unknown`, `sheet.empty`, `header.missing_column`, `sheet.none_fits`.
    """
    sheets = "、".join(book.sheets)
    if wanted and wanted not in book.sheets:
        raise BadInput("sheet.unknown", "没有这个工作表", f"文件中有:{sheets}")
    form = FORMS[kind]
    best: tuple[str, Rows, Header] | None = None
    for name in (wanted,) if wanted else book.sheets:
        rows = book.rows(name)
        header = find_header(kind, rows, named)
        if not form.missing(list(header.places)):
            return name, rows, header
        if rows and (best is None or len(header.places) > len(best[2].places)):
            best = (name, rows, header)
    if best is None:
        raise BadInput("sheet.empty", "工作表没有内容", f"文件中有:{sheets}")
    name, _, header = best
    missing = "、".join(form.missing(list(header.places)))
    found = "、".join(header.found) or "无"
    if len(book.sheets) > 1 and not wanted and not header.places:
        raise BadInput("sheet.none_fits", "没有合适的工作表", f"文件中有:{sheets};缺少列:{missing}")
    lacking = ColumnsMissing(
        "header.missing_column",
        "缺少必需的列",
        f"工作表“{name}”缺少:{missing};找到的列:{found}",
    )
    lacking.header = header
    raise lacking


def check_file(path: Path, kind: Kind, wanted: str, named: Mapping[str, str]) -> Iterator[Frame]:
    """Yield the frames of one file."""
    try:
        book = open_book(path)
        name, rows, header = choose_sheet(book, kind, wanted, named)
    except BadInput as error:
        header = error.header if isinstance(error, ColumnsMissing) else None
        failed = Failed(error.code, error.title, error.detail)
        if header:
            failed = msgspec.structs.replace(failed, headers=header.found, columns=header.titles)
        yield failed
        return
    lines = split_lines(rows, header)
    if not lines.rows:
        yield Failed("sheet.no_rows", "表头之下没有数据行", f"工作表“{name}”")
        return
    yield Opened(
        name, header.titles, header.found, len(lines.rows), lines.blank, lines.skipped[:100]
    )
    checker = CHECKERS[kind](header)
    if book.sheets == ("CSV",):
        checker = _counting_cells(checker, header)
    checked = check_rows(checker, lines.rows)
    while some := list(islice(checked, CHUNK_ROWS)):
        taken = [each for each in some if not isinstance(each, Rejected)]
        rejected = [each for each in some if isinstance(each, Rejected)]
        yield Chunk(len(some), msgspec.Raw(msgspec.msgpack.encode(taken)), rejected)


def check_row(
    path: Path,
    kind: Kind,
    wanted: str,
    named: Mapping[str, str],
    *,
    number: int,
    corrections: dict[str, str],
) -> Iterator[Frame]:
    """Yield the frame of one row, read with some cells put right; nothing where it is not there."""
    _, rows, header = choose_sheet(open_book(path), kind, wanted, named)
    strange = corrections.keys() - header.places.keys()
    if strange:
        titles = "、".join(header.titles.values())
        yield Failed("row.column_unknown", "文件中没有要更正的列", f"可更正的列:{titles}")
        return
    for at, row in split_lines(rows, header).rows:
        if at == number:
            fixed = list(row)
            for field, text in corrections.items():
                fixed[header.places[field]] = text
            checked = CHECKERS[kind](header).check(number, fixed)
            taken = [] if isinstance(checked, Rejected) else [checked]
            rejected = [checked] if isinstance(checked, Rejected) else []
            yield Chunk(1, msgspec.Raw(msgspec.msgpack.encode(taken)), rejected)
            return


def _counting_cells(checker: Checker, header: Header) -> Checker:
    """Refuse rows with more cells than the header: an unquoted comma moved all that follows."""
    last = max(header.places.values())
    titled = max(last + 1, len(header.found))

    def check(number: int, row: Row) -> AnyRecord | Rejected:
        if any(text_of(cell) for cell in row[titled:]):
            why = reason("", "row.too_many_cells", len(row))
            return Rejected(number, checker.key(row), "refused", (why,))
        return checker.check(number, row)

    return Checker(checker.kind, checker.key, check)


def write_report(
    path: Path,
    kind: Kind,
    wanted: str,
    *,
    named: Mapping[str, str],
    out: Path,
    outcomes: Outcomes,
) -> None:
    """Write the sheet again with 结果 and 原因 beside every row; all cells are text."""
    import xlsxwriter  # noqa: PLC0415 - not for a check: it takes longer to load than some files

    _, rows, header = choose_sheet(open_book(path), kind, wanted, named)
    book = xlsxwriter.Workbook(
        str(out),
        {
            "constant_memory": True,
            "tmpdir": str(out.parent),
            "strings_to_numbers": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
        },
    )
    sheet: Any = book.add_worksheet("导入结果")
    write: Callable[[int, int, str], object] = sheet.write_string
    sheet.freeze_panes(header.first, 0)
    for number, row in enumerate(as_text(rows), 1):
        result = ("结果", "原因") if number == header.first else outcomes.get(number, ("", ""))
        for at, text in enumerate((*result, *row)):
            if text:
                write(number - 1, at, text)
    book.close()


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _send(out: BinaryIO, frames: Iterable[Frame]) -> None:
    encode = msgspec.msgpack.Encoder().encode
    for frame in frames:
        body = encode(frame)
        out.write(LENGTH.pack(len(body)))
        out.write(body)
        out.flush()


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say."""
    task, path, kind, sheet, memory_bytes, cpu_seconds, mapping, *rest = arguments
    _limit(int(memory_bytes), int(cpu_seconds))
    gc.disable()  # a short life with millions of cells and no cycles
    known = cast("Kind", kind)
    named = msgspec.json.decode(mapping or "{}", type=dict[str, str])
    if task == "report":
        outcomes = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Outcomes)
        out = Path(rest[0])
        write_report(Path(path), known, sheet, named=named, out=out, outcomes=outcomes)
        return 0
    # The reader works outside the interpreter; meanwhile what the checks need is made ready.
    Thread(target=prepare).start()
    try:
        if task == "row":
            corrections = msgspec.json.decode(rest[1], type=dict[str, str])
            found = check_row(
                Path(path), known, sheet, named, number=int(rest[0]), corrections=corrections
            )
        else:
            found = check_file(Path(path), known, sheet, named)
        _send(sys.stdout.buffer, found)
    except MemoryError:
        failed = Failed("file.too_large", "文件展开后过大", "请拆分后分次上传")
        _send(sys.stdout.buffer, (failed,))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
