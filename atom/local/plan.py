"""What one start of the stack has to do: which component is reached, which started, with which environment."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atom.errors import AtomError
from atom.local import programs
from atom.local.components import DAGSTER, DATABASE, OBJECTS, OTHERS, SECRETS, SERVED, VECTORS, Component, Origin
from atom.local.dagster_home import POOL_VARIABLE, STORAGE_VARIABLE, pool_socket
from atom.local.environment import child_environment, given
from atom.local.errors import ComponentDidNotStart
from atom.local.files import read_or_create
from atom.local.issuer import ensure_issuer
from atom.local.milvus import Milvus
from atom.local.openbao import OpenBao
from atom.local.ports import Ports
from atom.local.postgres import Postgres
from atom.local.programs import DagsterPorts, Managed
from atom.local.seaweedfs import SeaweedFS
from atom.settings import Settings

_STORAGE = "dagster storage"  # embedded Postgres where only Dagster needs it
_SCHEMA = "schema"
_STORED = "stored secrets"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to bring up once every step named in `after` is done; `run` gives its version."""

    name: str
    run: Callable[[], str]
    origin: Origin = Origin.EMBEDDED
    where: str = ""
    note: str = ""
    after: Sequence[str] = ()


@dataclass(slots=True)
class Plan:
    """`outside` is what others run, checked before anything starts; `steps` is what starts, in dependency order;
    `servers` and `clients` are the processes among these; `shell` is the environment with which another shell uses the
    stack, secrets in plain."""

    settings: Settings
    shell: dict[str, str]
    outside: list[Step] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    servers: dict[str, Managed] = field(default_factory=dict)
    clients: dict[str, Managed] = field(default_factory=dict)

    def serve(self, component: Component, server: Managed, name: str | None = None) -> None:
        """Start an embedded server for `component`, shown as `name`."""
        name = name or component.name
        self.servers[name] = server
        self._start(name, server, (), f"{component.setting} is not set")

    def run(self, program: Managed, after: Sequence[str]) -> None:
        """Start one of Atom's own processes."""
        self.clients[program.name] = program
        self._start(program.name, program, after, "")

    def reach(self, component: Component, where: str) -> None:
        """Make sure that a configured component answers."""
        note = f"{component.setting} is set"
        self.outside.append(
            Step(component.name, lambda: component.reach(self.settings), Origin.CONFIGURED, where, note)
        )

    def go_without(self, component: Component) -> None:
        """Say what happens where a component that needs no process is not configured."""
        note = f"{component.setting} is not set: {component.fallback}"
        self.outside.append(Step(component.name, lambda: "", component.otherwise, note=note))

    def _start(self, name: str, managed: Managed, after: Sequence[str], note: str) -> None:
        def run() -> str:
            try:
                managed.start()
                return managed.version()
            except AtomError:
                raise
            except Exception as error:  # of a server's client library, while it is being set up
                why, log = f"{type(error).__name__}: {error}", managed.server.log
                raise ComponentDidNotStart(name, why, log, managed.server.log_tail()) from error

        self.steps.append(Step(name, run, where=managed.url, note=note, after=after))


def make_plan(home: Path, settings: Settings) -> Plan:
    """Chooses ports and makes credentials, starts nothing. Raises NoFreePort, BinariesMissing, HomePathTooLong."""
    ports = Ports(home)
    plan = Plan(settings, given(settings) | {"ATOM_HOME": str(home)})
    for component in (*SERVED, *OTHERS):
        if (where := component.configured(settings)) is not None:
            plan.reach(component, where)
        elif component in OTHERS:
            plan.go_without(component)
    postgres, bao = _servers(plan, home, ports)
    registry_port = ports.take("registry", preferred=8000)
    plan.shell["ATOM_URL"] = f"http://127.0.0.1:{registry_port}"
    plan.shell.setdefault("ATOM_ISSUERS_FILE", str(ensure_issuer(home)))
    dagster_ports = None
    if not DAGSTER.configured(settings):
        dagster_ports = DagsterPorts(web=ports.take("webserver", preferred=3000), code=ports.take("code-location"))
        plan.shell["DAGSTER_URL"] = f"http://127.0.0.1:{dagster_ports.web}"
    values = _share_secrets(plan, bao)
    ready = [DATABASE.name, _SCHEMA, SECRETS.name, _STORED, OBJECTS.name]
    registry = programs.registry(home, registry_port, child_environment(values | _login(bao, "registry")))
    plan.run(registry, after=ready)
    if dagster_ports is not None:
        values |= _login(bao, "runtime") | {POOL_VARIABLE: str(pool_socket(home))}
        values["DAGSTER_HOME"] = str(settings.dagster_home or home / "dagster")
        if postgres is not None:
            values[STORAGE_VARIABLE] = postgres.dsn("dagster", "dagster")
        code, workers, web, daemon = programs.dagster(home, dagster_ports, child_environment(values))
        storage = [DATABASE.name, _STORAGE]
        plan.run(code, after=[])
        plan.run(workers, after=storage)
        plan.run(web, after=[*storage, code.name])
        plan.run(daemon, after=[*storage, code.name])
    return plan


def _servers(plan: Plan, home: Path, ports: Ports) -> tuple[Postgres | None, OpenBao | None]:
    """The embedded servers, for what no setting names; their credentials go to `plan.shell`."""
    settings, shell = plan.settings, plan.shell
    postgres = bao = None
    owner_dsn = shell.pop("POSTGRES_OWNER_DSN", None)
    if not DATABASE.configured(settings):
        postgres = Postgres(home, ports)
        plan.serve(DATABASE, postgres)
        owner_dsn = postgres.dsn("atom_owner")
        shell["POSTGRES_DSN"] = postgres.dsn("app_rw")
        shell["POSTGRES_BACKUP_DSN"] = postgres.dsn("backup_ro")
        shell["POSTGRES_SANDBOX_DSN"] = postgres.dsn("atom_sandbox", "postgres")
    elif not DAGSTER.configured(settings) and settings.dagster_home is None:
        postgres = Postgres(home, ports)
        plan.serve(DAGSTER, postgres, _STORAGE)
    if not SECRETS.configured(settings):
        bao = OpenBao(home, ports)
        plan.serve(SECRETS, bao)
    if not OBJECTS.configured(settings):
        weed = SeaweedFS(home, ports)
        plan.serve(OBJECTS, weed)
        shell |= {"S3_ENDPOINT": weed.url, "S3_BUCKET": weed.bucket}
        shell |= {"AWS_ACCESS_KEY_ID": weed.access_key, "AWS_SECRET_ACCESS_KEY": weed.secret_key}
    if not VECTORS.configured(settings):
        milvus = Milvus(home, ports)
        plan.serve(VECTORS, milvus)
        shell["MILVUS_ENDPOINT"] = milvus.url
    if settings.dataset_key is None and settings.dataset_key_ref is None:
        shell["DATASET_KEY"] = read_or_create(home / "dataset.key", _make_dataset_key).decode()
    plan.steps.append(Step(_SCHEMA, lambda: _migrate(owner_dsn), after=[DATABASE.name]))
    return postgres, bao


def _share_secrets(plan: Plan, bao: OpenBao | None) -> dict[str, str]:
    """The variables of Atom's own processes: with an embedded OpenBao, references to it instead of credentials."""
    if bao is None:
        return dict(plan.shell)
    plan.shell.pop("VAULT_TOKEN", None)  # a stray one would be preferred to the AppRole login
    plan.shell["VAULT_ADDR"] = bao.url
    values, hidden = _hide(plan.shell)

    def store() -> str:
        for path, content in hidden.items():
            bao.put_secret(path, content)
        return ", ".join(hidden)

    plan.steps.append(Step(_STORED, store, after=[SECRETS.name]))
    plan.shell |= _login(bao, "runtime")
    return values


def _hide(plain: dict[str, str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """`plain` with references instead of credentials, and the secrets that they refer to."""
    hidden = dict(plain)
    kept: dict[str, dict[str, str]] = {}
    if "POSTGRES_DSN" in plain:
        names = {"dsn": "POSTGRES_DSN", "backup_dsn": "POSTGRES_BACKUP_DSN", "sandbox_dsn": "POSTGRES_SANDBOX_DSN"}
        kept["atom/db"] = {part: hidden.pop(name) for part, name in names.items() if name in plain}
        hidden["DB_DSN_REF"] = "vault://secret/atom/db#dsn"
    if "AWS_ACCESS_KEY_ID" in plain and "AWS_SECRET_ACCESS_KEY" in plain:
        names = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}
        kept["atom/s3"] = {part: hidden.pop(name) for part, name in names.items()}
        hidden["S3_CREDS_REF"] = "vault://secret/atom/s3"
    if "DATASET_KEY" in plain:
        kept["atom/dataset"] = {"hmac_key": hidden.pop("DATASET_KEY")}
        hidden["DATASET_KEY_REF"] = "vault://secret/atom/dataset#hmac_key"
    return hidden, kept


def _login(bao: OpenBao | None, role: str) -> dict[str, str]:
    return bao.approle(role).environment() if bao is not None else {}


def _make_dataset_key() -> bytes:
    return secrets.token_hex(32).encode()


def _migrate(owner_dsn: str | None) -> str:
    import migrations  # Alembic takes half a second that only the stack pays

    if owner_dsn is None:
        return "left alone: POSTGRES_OWNER_DSN is not set"
    applied = migrations.apply(owner_dsn)
    return f"applied {', '.join(applied)}" if applied else "up to date"
