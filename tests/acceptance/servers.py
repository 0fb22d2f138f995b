"""Database servers of a test's own, from the programs installed here: to be stopped, killed and started again."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import psutil

PATIENCE = 60.0  # seconds for a server to come up, or to stop


class NotInstalled(Exception):
    """The programs of this database are not on this machine."""


class Server:
    """One server, in a folder and on a port of its own which outlive its stops; `with` starts it and clears up.

    What it has committed outlives the death of its processes, not of the machine. Raises NotInstalled.
    """

    account: ClassVar[str]  # whose it is when we are root, as whom these servers refuse to run
    ways: ClassVar[dict[str, signal.Signals]]  # how it may be told to stop
    places: ClassVar[str]  # folders beside PATH where its programs may be
    package: ClassVar[str]

    def __init__(self) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="rota-server-")
        self.folder = Path(self._files.name)
        self.log = self.folder / "log"
        self.log.touch()
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._program(self.serving()[0])
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.account)
        if self._run(self.making()):
            raise self._failure("made")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._files.cleanup()

    @property
    def url(self) -> str:
        """The DATABASE_URL of an empty database in it."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.process = self._popen(self.serving())
        end = time.monotonic() + PATIENCE
        while self._run(self.asking()):
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise self._failure("started")
            time.sleep(0.05)

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` ends the sessions and closes the files, `immediate` drops all, for the start to recover."""
        if self.process is not None:
            self.process.send_signal(self.ways[how])
            self.process.wait(PATIENCE)
            self.process = None

    def kill(self) -> None:
        """kill -9 of all its processes at once; nothing where it does not run."""
        if self.process is None:
            return
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.process.pid)
            server.suspend()  # or it would start new children meanwhile
            for process in [*server.children(recursive=True), server]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(PATIENCE)
        self.process = None

    def making(self) -> list[str]:
        """The command that makes its files."""
        raise NotImplementedError

    def serving(self) -> list[str]:
        """The command that is the server."""
        raise NotImplementedError

    def asking(self) -> list[str]:
        """The command that ends well where the server takes sessions."""
        raise NotImplementedError

    def _run(self, command: list[str]) -> int:
        return self._popen(command).wait(PATIENCE)

    def _popen(self, command: list[str]) -> "subprocess.Popen[bytes]":
        rights: dict[str, Any] = {}
        if os.geteuid() == 0:
            rights = {"user": self.account, "group": pwd.getpwnam(self.account).pw_gid, "extra_groups": []}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [self._program(command[0]), *command[1:]],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **rights,
            )

    def _program(self, name: str) -> str:
        """Where it is. Raises NotInstalled."""
        folders = [*sorted(map(str, Path("/").glob(self.places)), reverse=True), os.environ["PATH"]]
        if found := shutil.which(name, path=os.pathsep.join(folders)):
            return found
        raise NotInstalled(f"{name} is not installed here: apt-get install {self.package}")

    def _failure(self, done: str) -> RuntimeError:
        return RuntimeError(f"{type(self).__name__} could not be {done}:\n{self.log.read_text()[-3000:]}")


class PostgreSQL(Server):
    """A PostgreSQL server."""

    account = "postgres"
    ways: ClassVar = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
    places = "usr/lib/postgresql/*/bin"
    package = "postgresql"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def making(self) -> list[str]:
        files = ["--pgdata", str(self.folder / "data"), "--no-sync"]
        return ["initdb", *files, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8", "--no-locale"]

    def serving(self) -> list[str]:
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "fsync": "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return ["postgres", "-D", str(self.folder / "data"), "-p", str(self.port), *options]

    def asking(self) -> list[str]:
        return ["pg_isready", "--quiet", "--host", "127.0.0.1", "--port", str(self.port)]


class MariaDB(Server):
    """A MariaDB server, which knows no stop between the gentle one and kill -9."""

    account = "mysql"
    ways: ClassVar = {"fast": signal.SIGTERM, "immediate": signal.SIGKILL}
    places = "usr/sbin"
    package = "mariadb-server"

    @property
    def url(self) -> str:
        return f"mariadb://root@127.0.0.1:{self.port}/test"

    def making(self) -> list[str]:
        rights = ["--auth-root-authentication-method=normal", "--skip-name-resolve"]
        return ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder / 'data'}", *rights]

    def serving(self) -> list[str]:
        places = [f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 'socket'}", f"--port={self.port}"]
        words = ["--bind-address=127.0.0.1", "--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
        haste = ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"]
        return ["mariadbd", "--no-defaults", *places, *words, *haste]

    def asking(self) -> list[str]:
        address = ["--host=127.0.0.1", f"--port={self.port}", "--user=root"]
        return ["mariadb-admin", "--no-defaults", *address, "--connect-timeout=1", "ping"]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
