"""A real Kafka broker (KRaft, one node) on 127.0.0.1, from jars, in one folder."""

import base64
import secrets
import shutil
import signal
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from shared.platform.embedded.javatools import fetch_jars, find_java, kafka_version
from shared.platform.embedded.ports import HOST, PortBook, is_free
from shared.platform.embedded.processes import (
    PROC,
    EmbeddedError,
    Status,
    alive,
    command_line,
    end,
    locked,
    signal_quietly,
    spawn,
    tail,
    wait_until,
    write_private,
)

_START_S = 60.0
_STOP_S = 20.0
_PORT_S = 5.0
_STARTED = "Kafka Server started"  # logged once the broker is unfenced and its listeners are open

# The broker does not wait for the disk: the event logs are the source of truth, and a relay that
# finds the broker behind fills it again (docs/decisions/0013). Topics are never made by accident:
# the relay declares them.
_CONFIGURATION = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=6
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
log.retention.ms=-1
log.retention.bytes=-1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=16777216
controlled.shutdown.enable=true
"""
_LOGGING = """\
rootLogger.level = WARN
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""


class Kafka:
    """One broker on 127.0.0.1; data, settings and log under `home`, jars under `cache`.

    The broker is a child of this process and ends with it, however this process ends.
    """

    name = "kafka"

    def __init__(
        self,
        home: Path,
        cache: Path,
        *,
        port: int | None = None,
        heap: str = "256m",
        settings: dict[str, str] | None = None,
    ) -> None:
        """Use `home` for data and `cache` (shared by all data folders) for the jars."""
        self._home = home.resolve()
        self._cache = cache.resolve() / f"kafka-{kafka_version()}"
        self._wanted_port = port
        self._heap = heap
        self._settings = settings or {}
        self._log = self._home / "broker.log"
        self._pid_file = self._home / "broker.pid"
        self._java: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._ready_pid = 0

    # --- life ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Fetch the jars and write the class archive; once per machine, seconds to a minute.

        Raises: EmbeddedError, where Java, Maven or the jars cannot be had.
        """
        self._cache.mkdir(parents=True, exist_ok=True)
        fetch_jars(self._cache)
        if self._archive.exists():
            return
        with locked(self._cache / "archive.lock"):
            if not self._archive.exists():
                self._train()

    def start(self) -> None:
        """Start (formatting a new data folder) and return when the broker takes records.

        Raises: EmbeddedError, where it does not come up; the text holds the end of the log.
        """
        self.prepare()
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._home / "start.lock"):
            current = self.status()
            if current.up:
                self._port = current.ports["kafka"]
                return
            self._end_leftover()
            self._launch()

    def stop(self) -> None:
        """End it cleanly."""
        pid = self._pid()
        if pid is not None:
            end(pid, signal.SIGTERM, _STOP_S)
        self._reap()

    def kill(self) -> None:
        """End it with kill -9 (fault tests); the data stays and the next `start` recovers it."""
        pid = self._pid()
        if pid is not None:
            signal_quietly(pid, signal.SIGKILL)
            wait_until(lambda: not alive(pid), _STOP_S)
        self._reap()

    def wipe(self) -> None:
        """Stop and delete all topics: a broker that lost its disk."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def status(self) -> Status:
        """Whether a broker runs on this folder, also one that another process started."""
        pid = self._pid()
        if pid is None or (pid != self._ready_pid and _STARTED not in self._log_text()):
            return Status(up=False)
        self._ready_pid = pid  # the log grows; it is read until the line is there, not after
        ports = PortBook(self._home / "ports.json").known()
        return Status(up=True, pid=pid, ports={"kafka": ports["kafka"]})

    @property
    def bootstrap(self) -> str:
        """The address for YINQI_KAFKA_BOOTSTRAP."""
        port = self._port or self.status().ports.get("kafka")
        if port is None:
            raise EmbeddedError("Kafka is not running; Kafka 未启动")
        return f"{HOST}:{port}"

    # --- inside -------------------------------------------------------------------------------

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _java_program(self) -> Path:
        if self._java is None:
            self._java = find_java(self._cache / "fetch.log")
        return self._java

    @property
    def _archive(self) -> Path:
        # An archive fits one Java only; the real path names it.
        java = sha256(str(self._java_program.resolve()).encode()).hexdigest()[:8]
        return self._cache / f"classes-{java}.jsa"

    def _pid(self) -> int | None:
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        words = f"kafka.Kafka {self._home}/server.properties"
        ours = alive(pid) and (not PROC.exists() or words in command_line(pid))
        return pid if ours else None

    def _log_text(self) -> str:
        try:
            return self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _end_leftover(self) -> None:
        pid = self._pid()
        if pid is not None:  # starting or stopping: not one that takes records
            end(pid, signal.SIGTERM, _STOP_S)
        self._reap()

    def _configure(self) -> int:
        book = PortBook(self._home / "ports.json")
        given_out = self._port
        if given_out is not None and not wait_until(lambda: is_free(given_out), _PORT_S):
            raise EmbeddedError(f"port {given_out} was taken meanwhile; 端口 {given_out} 被占用")
        broker = book.port("kafka", wanted=given_out or self._wanted_port)
        controller = book.port("kafka-controller")
        text = _CONFIGURATION.format(
            host=HOST, broker=broker, controller=controller, data=self._data
        )
        more = "".join(f"{key}={value}\n" for key, value in self._settings.items())
        (self._home / "server.properties").write_text(text + more, encoding="utf-8")
        (self._home / "log4j2.properties").write_text(_LOGGING, encoding="utf-8")
        return broker

    def _command(self, main: str, *words: str, archive_to: Path | None = None) -> list[str]:
        options = [f"-Xms{self._heap}", f"-Xmx{self._heap}", "-XX:+UseSerialGC"]
        # One compiler, the quick one: half the processor time of a broker with little to do.
        options += ["-XX:TieredStopAtLevel=1"]
        options += ["-Djava.awt.headless=true", "-Xlog:disable", "-Xlog:all=error:stderr"]
        options += [f"-Dlog4j2.configurationFile={self._home}/log4j2.properties"]
        if archive_to is not None:
            options += [f"-XX:ArchiveClassesAtExit={archive_to}"]
        elif self._archive.exists():
            options += [f"-XX:SharedArchiveFile={self._archive}"]
        # Jars only: one plain folder on the class path would switch the archive off.
        return [str(self._java_program), *options, "-cp", f"{self._cache}/libs/*", main, *words]

    def _format(self, settings: Path) -> None:
        cluster = base64.urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")
        log = self._home / "format.log"
        command = self._command(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)
        )
        if spawn(command, log=log).wait() != 0:
            raise EmbeddedError(f"Kafka could not format its folder 格式化失败:\n{tail(log)}")

    def _launch(self, archive_to: Path | None = None) -> None:
        port = self._configure()
        settings = self._home / "server.properties"
        if not (self._data / "meta.properties").exists():
            self._format(settings)
        if self._log.exists():
            self._log.replace(self._log.with_suffix(".log.1"))
        child = spawn(
            self._command("kafka.Kafka", str(settings), archive_to=archive_to), log=self._log
        )
        self._child = child
        write_private(self._pid_file, str(child.pid))
        settled = wait_until(
            lambda: _STARTED in self._log_text() or child.poll() is not None, _START_S
        )
        if not settled or child.poll() is not None:
            self.kill()
            raise EmbeddedError(f"Kafka did not start 未能启动:\n{tail(self._log)}")
        self._port = port

    def _train(self) -> None:
        # Java can map the classes of an earlier run instead of reading and checking them again:
        # every later start takes a third of the time.
        with tempfile.TemporaryDirectory(prefix="yinqi-kafka-") as scratch:
            trainee = Kafka(Path(scratch), self._cache.parent, heap=self._heap)
            archive = self._cache / f".{self._archive.name}.new"
            trainee._launch(archive)
            trainee.stop()
            if archive.exists():
                archive.replace(self._archive)

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait(_STOP_S)
            self._child = None
        self._pid_file.unlink(missing_ok=True)
