"""Every setting: ``MESHGATE_<SUBSYSTEM>__<FIELD>``, one class a subsystem, unknown ones refused."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "MESHGATE_"
OTHER_NAMES = frozenset(
    {
        "MESHGATE_CACHE",
        "MESHGATE_DATA",
        "MESHGATE_LAB",
        "MESHGATE_OPA",
        "MESHGATE_REQUIRE",
        "MESHGATE_REWRITE",
    }
)
"""Names read elsewhere: where the demo's data lies, and what tests use."""

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(ValueError):
    """A setting is unknown or wrong; the text names it and the nearest known one."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Section):
    """Where clients reach the gateway."""

    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    internal_host: str = "127.0.0.1"
    internal_port: Port | None = None
    internal_tls_certificate: Path | None = None
    internal_tls_key: Path | None = None
    internal_client_ca: Path | None = None
    gzip: Literal["auto", "always", "never"] = "auto"
    drain_seconds: Seconds = 30.0


class IdentitySettings(_Section):
    """Who may log in, and how. ``trust_user_header`` is for loopback binds alone.

    Login by JWT needs ``jwt_issuer``, ``jwt_audience`` and one of ``jwks_url``, ``jwks_file``.
    """

    directory_file: Path | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwks_url: str = ""
    jwks_file: Path | None = None
    jwt_principal_claim: str = "sub"
    jwt_groups_claim: str = ""
    trust_user_header: bool | None = None


class CatalogSettings(_Section):
    """Where domains describe their tables; the directory also holds grants and principals."""

    directory: Path = Path("catalogs")
    grants_file: Path | None = None
    connections_file: Path | None = None


class PolicySettings(_Section):
    """Who decides. Beyond a loopback bind the engine must be named."""

    directory: Path = Path("policies")
    engine: Literal["rego", "opa"] | None = None
    opa_url: str | None = None
    opa_token: SecretStr | None = None
    timeout_seconds: Seconds = 1.0
    time_zone: str = "UTC"


class EngineSettings(_Section):
    """What runs governed statements; the rest is for the embedded engine's workers."""

    kind: Literal["embedded", "trino"] = "embedded"
    workers: Count = 2
    threads: Count = 2
    memory_bytes: Count = 1 << 30
    waiting: Count = 32
    temp_bytes: Annotated[int, Field(ge=0)] = 1 << 30


class TrinoSettings(_Section):
    """The Trino cluster governed statements run on, and how the gateway logs in there.

    ``second_lock`` ``required``: the cluster must prove that it asks this gateway, else it serves
    nothing. ``unproven_version`` ``restricted`` serves restricted tables on Trino versions the
    barrier suite has not proven; ``refuse`` does not. ``forwarded_https`` sends
    ``X-Forwarded-Proto: https`` where a test cluster takes passwords without TLS.
    """

    url: str = ""
    cluster: str = "main"
    user: str = "meshgate"
    password_file: Path | None = None
    ca_file: Path | None = None
    forwarded_https: bool = False
    connect_seconds: Seconds = 5.0
    read_seconds: Seconds = 30.0
    second_lock: Literal["required", "off"] = "required"
    unproven_version: Literal["refuse", "restricted"] = "refuse"
    key_database_url: SecretStr | None = None
    pin_seconds: Annotated[float, Field(ge=60)] = 60.0


class QuerySettings(_Section):
    """How much is taken on at once, and for how long."""

    max_open: Count = 1000
    max_open_per_principal: Count = 100
    idle_seconds: Seconds = 300.0
    run_seconds: Seconds = 600.0


class StateSettings(_Section):
    """Where the gateway keeps what must survive a restart: keys, audit records, open statements.

    ``database_url`` (``postgresql://…``) shares records and open statements between gateways;
    without it they stand in ``directory``.
    """

    directory: Path = Path(".run/state")
    database_url: SecretStr | None = None


class LogSettings(_Section):
    """How much is logged; ``pretty`` is for people, JSON for machines."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    pretty: bool = False


class Settings(BaseSettings):
    """All settings of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    server: ServerSettings = ServerSettings()
    identity: IdentitySettings = IdentitySettings()
    catalog: CatalogSettings = CatalogSettings()
    policy: PolicySettings = PolicySettings()
    engine: EngineSettings = EngineSettings()
    trino: TrinoSettings = TrinoSettings()
    query: QuerySettings = QuerySettings()
    state: StateSettings = StateSettings()
    log: LogSettings = LogSettings()


def known_names() -> frozenset[str]:
    """The environment name of every setting."""
    return frozenset(_names())


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the environment; raises SettingsError for an unknown or wrong setting."""
    names = os.environ if environment is None else environment
    for name in sorted(names):
        _check_known(name)
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_shown(error))) from None


def _names() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name in kind.model_fields:
                yield f"{PREFIX}{section}__{name}".upper()


def _check_known(name: str) -> None:
    upper = name.upper()
    if not upper.startswith(PREFIX) or upper in OTHER_NAMES or upper in known_names():
        return
    nearest = difflib.get_close_matches(upper, sorted(known_names()), 1, 0.0)
    raise SettingsError(f"unknown setting {name}; did you mean {nearest[0]}?")


def _shown(error: ValidationError) -> Iterator[str]:
    """One line a wrong setting, without its value, which may be secret."""
    for found in error.errors(include_input=False, include_url=False):
        path = "__".join(str(part) for part in found["loc"] if not isinstance(part, int))
        yield f"{PREFIX}{path.upper()}: {found['msg']}"
