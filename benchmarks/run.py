"""All measurements with one command: `./yinqi bench [NAME…] [--quick]`.

Every measurement is a process of its own; `./yinqi bench NAME --help` tells its own options.
Without names all run but `demo`, which takes long. At full scale results are kept in
`benchmarks/results`; `./yinqi bench --table` puts those into the README and measures nothing.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import table

MODULES = {
    "write": "write",
    "guards": "guarding",
    "relay": "relay",
    "latency": "latency",
    "rebuild": "rebuild",
    "import": "importing",
    "assess": "assessing",
    "search": "searching",
    "allocation": "allocation",
    "planning": "planning",
    "demo": "demo",
}
LONG = ("demo",)
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Run the named measurements; 1 where one could not be taken."""
    if list(arguments) == ["--table"]:
        table.write()
        return 0
    names = [word for word in arguments if word in MODULES]
    options = [word for word in arguments if word not in MODULES]
    if not names and (wrong := [word for word in options if not word.startswith("-")]):
        print(f"没有测量 no such measurement: {wrong[0]}; {', '.join(MODULES)}", file=sys.stderr)
        return 2
    failed: list[str] = []
    for name in names or [name for name in MODULES if name not in LONG]:
        command = [sys.executable, "-m", f"benchmarks.measures.{MODULES[name]}", *options]
        if subprocess.call(command, cwd=ROOT) != 0:
            failed.append(name)
    if failed:
        print(f"未完成 not taken: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
