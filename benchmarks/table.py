"""The README's table of speeds, made from `benchmarks/results`: `./yinqi bench --table`.

A row for every aim that has a title here and a kept result; what was not measured has no row.
"""

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.side import RESULTS

README: Final = Path(__file__).resolve().parent.parent / "README.md"
BEGIN: Final = "<!-- speed: ./yinqi bench --table -->"
END: Final = "<!-- /speed -->"
HEAD: Final = """
| 测量 measure | 我们 ours | 对照 beside | 比值 ratio | 目标 aim |
| --- | --- | --- | --- | --- |
"""
#: Result file → its aims in the table, each with its Chinese title, in this order.
TITLES: Final[dict[str, dict[str, str]]] = {
    "demo": {"demo, from start to bulletin": "从名单到通报,全省 72,300 行"},
    "import": {"import ÷ reading the file alone": "导入全省名单 xlsx(只读文件为 1)"},
    "write": {"POST a visit ÷ bare insert, rate": "写入一次走访(裸 FastAPI + asyncpg 为 1)"},
    "guards": {"POST a visit, guarded ÷ unguarded, rate": "写入一次走访,有无访问控制"},
    "latency": {
        "commit → visible, p99, log": "提交到可见,200 事件/秒,`log`",
        "commit → visible, p99, kafka": "提交到可见,200 事件/秒,`kafka`",
    },
    "rebuild": {
        "rebuild ÷ reading and decoding, log": "由 100 万事件重建统计,`log`(读取并解码为 1)",
        "rebuild ÷ raw COPY, log": "同上(裸 COPY 为 1)",
        "rebuild ÷ reading and decoding, kafka": "由 100 万事件重建统计,`kafka`(读取并解码为 1)",
        "rebuild ÷ raw COPY, kafka": "同上(裸 COPY 为 1)",
        "rebuild ÷ projection runner": "重建(`eventsourcing` 库的投影为 1)",
        "memory of all workers": "重建所用内存",
    },
    "relay": {
        "relay drain ÷ send alone": "转发 10 万事件到 Kafka(aiokafka `send` 为 1)",
        "broker ready from cached jars": "Kafka 就绪",
        "PostgreSQL first start": "PostgreSQL 首次启动",
    },
    "assess": {"assess a province's list": "全省名单按三个标准评价"},
    "search": {"search p99": "企业搜索 p99"},
    "allocation": {
        "kernel ÷ list in Python, time": "全省最优分配,用时(Python 逐户列表为 1)",
        "kernel ÷ LEMON, time": "同上(LEMON 为 1)",
        "seed 11: list's excess ÷ ours, same caps": "列表法超额 ÷ 最优解超额",
    },
    "planning": {
        "what-if of a city, API p95 ÷ bare solve p95": "一个市试算一次,经接口(裸求解为 1)",
    },
}


def table() -> str:
    """The rows, and when they were taken.

    Raises: KeyError, where a result has an aim no longer.
    """
    lines: list[str] = []
    dates: set[str] = set()
    for name, titles in TITLES.items():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            continue
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        aims = {aim["name"]: aim for aim in content["aims"]}
        dates.add(content["date"])
        lines += [_row(title, aims[aim]) for aim, title in titles.items()]
    taken = " – ".join(sorted({min(dates), max(dates)}))
    return f"{HEAD}{chr(10).join(lines)}\n\n测于 taken on {taken}。\n"


def _row(title: str, aim: dict[str, Any]) -> str:
    english = aim["name"].replace("|", "/")
    value = f"{aim['value']:.3g}"
    unit = "" if aim["unit"] == "×" else f" {aim['unit']}".rstrip()
    alone = aim["unit"] != "×"
    ours = aim.get("ours") or (f"{value}{unit}" if alone else "")
    ratio = "" if alone else value
    cells = (
        f"{title} *{english}*",
        ours or "—",
        aim.get("beside") or "—",
        ratio or "—",
        f"{aim['aim']}{unit} {'✓' if aim['met'] else '✗'}",
    )
    return f"| {' | '.join(cells)} |"


def with_table(readme: str, rows: str) -> str:
    """The README with these rows between its marks.

    Raises: ValueError, where it has no such marks.
    """
    before, marked, rest = readme.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not (marked and ended):
        raise ValueError(f"{README.name} lacks {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{rows}{END}{after}"


def write() -> None:
    """Put the newest results into the README."""
    readme = README.read_text(encoding="utf-8")
    README.write_text(with_table(readme, table()), encoding="utf-8")
