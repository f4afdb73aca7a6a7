"""Every setting, typed and read once.

A setting has the same name in `.env`, in the environment and in the docs. A secret may also come from a file:
`MONGO_URI_FILE=/run/secrets/mongo_uri` sets `MONGO_URI`. Secrets have no default and never print.
"""

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from common.currency import Rate, currency_code, parse_rates
from common.errors import UsageError
from common.settings_spark import SparkSettings
from common.text_days import TextDays


class SettingsError(UsageError):
    """A setting is missing or wrong; the message is one line that says what to write instead."""


def _expand(value: Any) -> Any:
    try:
        return Path(value).expanduser().absolute() if isinstance(value, str | Path) else value
    except RuntimeError:
        raise ValueError("expected a path; after ~, nothing or a user of this machine") from None


def _from_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError('expected JSON such as {"start_date": "2026-01-01"}') from None


UserPath = Annotated[Path, BeforeValidator(_expand)]

_KNOWN_PLACES = (
    "~/.claude/projects",
    "~/.config/claude/projects",
    "~/.config/Claude/local-agent-mode-sessions",
    "~/Library/Application Support/Claude/local-agent-mode-sessions",
)
"""Where Claude Code and Claude's desktop app keep transcripts."""


def machine_timezone() -> str:
    """Return the IANA name of this machine's timezone, or UTC if it has none."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        localtime = Path("/etc/localtime")
        target = str(localtime.resolve()) if localtime.is_symlink() else ""
        name = target.partition("zoneinfo/")[2]
    try:
        return ZoneInfo(name).key if name else "UTC"
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"


def default_transcripts_dirs() -> tuple[Path, ...]:
    """Return the folders that Claude Code writes to: `projects/` of each home in CLAUDE_CONFIG_DIR, comma separated.

    Without that variable, those of `~/.claude`, `~/.config/claude` and the desktop app's sessions that exist; if
    none does, `~/.claude/projects`.
    """
    chosen = [home.strip() for home in os.environ.get("CLAUDE_CONFIG_DIR", "").split(",") if home.strip()]
    if chosen:
        return tuple(Path(home) / "projects" for home in chosen)
    known = [Path(place).expanduser() for place in _KNOWN_PLACES]
    return tuple(place for place in known if place.is_dir()) or (known[0],)


def _paths(value: Any) -> Any:
    """Parse one folder or several separated by commas; commas in the path of an existing folder do not separate."""
    if isinstance(value, str | Path):
        whole = _expand(value)
        if whole.exists() or "," not in str(value):
            return (whole,)
        return tuple(_expand(part.strip()) for part in str(value).split(",") if part.strip())
    return tuple(map(_expand, value))


def _list(value: Any) -> Any:
    """Parse texts separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


UserPaths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_paths)]


FORMER_NAMES = {
    "scheduler_dir": "runner_dir",
    "scheduler_host": "runner_host",
    "scheduler_port": "runner_port",
    "scheduler_token": "runner_token",
    "step_timeout_seconds": "step_time_limit_seconds",
    "database_timeout_seconds": "database_wait_seconds",
    "run_retention_days": "history_days",
    "log_retention_days": "log_days",
    "snapshot_retention_days": "snapshot_days",
}
"""Former names of settings. They are read, with a warning, until 0.2.0."""


class Settings(SparkSettings):
    """The settings of every package. Field names in capitals are the names in the environment."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True)

    # Input, and where everything is stored
    transcripts_dir: UserPaths = Field(
        default_factory=default_transcripts_dirs, validate_default=True
    )  # commas between several
    collector: Literal["on", "off"] = "on"  # off if this host has no transcripts
    projects_excluded: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)] = Field(default_factory=tuple)
    data_dir: UserPath = Field(default=Path("~/.local/share/claude-analytics"), validate_default=True)
    host_name: str = Field(default_factory=socket.gethostname, min_length=1)
    duckdb_path: UserPath | None = None
    timezone: str = Field(default_factory=machine_timezone)

    # MongoDB, the system of record; without a URI the standalone mode starts its own server
    mongo_uri: SecretStr | None = None
    mongo_database: str = "claude_logs"

    # The Iceberg REST catalog and its store; without a URI the catalog is a SQLite file on local disk
    iceberg_rest_uri: str | None = None
    iceberg_warehouse: str = "s3://iceberg-tables"
    iceberg_oauth2_server_uri: str | None = None
    s3_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None

    # What is stored, and how it is built
    tool_output_limit: int = Field(default=2000, ge=0)
    masking: Literal["on", "off", "everywhere"] = "on"  # on: behind the record store (docs/secrets.md)
    published_text: Literal["on", "off"] = "on"  # off: figures are published without prompts, answers, input and output
    text_retention_days: TextDays | None = None  # then texts are deleted, figures are kept (docs/forgetting.md)
    team_aggregates_only: Literal["on", "off"] = "off"  # on: only rows of at least five people are published
    fingerprint_key: SecretStr | None = None  # keys the masks; default: a file in the data directory
    duckdb_memory_limit: str = Field(default="512MB", pattern=r"(?i)^\s*\d+(\.\d+)?\s*([KMGT]i?B?|B)\s*$")
    duckdb_temp_directory: UserPath | None = None  # where DuckDB spills; default: beside the database
    keep_generations: int = Field(default=3, ge=2)
    dbt_target: Literal["dev", "prod", "test"] = "prod"
    model_prices_csv: UserPath | None = None  # a price list that overrides ours (docs/counting.md)

    # Cost centres, budgets and statements
    cost_centres_yaml: UserPath | None = None  # default: cost-centres.yaml in the data directory
    currency: Annotated[str, BeforeValidator(currency_code)] = "USD"  # shown beside US dollars
    currency_rates: Annotated[tuple[Rate, ...], NoDecode, BeforeValidator(parse_rates)] = Field(default_factory=tuple)
    statement_close_days: int | None = Field(default=None, ge=1)  # if unset, months are closed by hand

    # The scheduler: schedule, retention, address and alerts (docs/scheduler.md)
    schedule: str = "0 * * * *"  # cron, an interval such as 30m, or off
    maintenance_schedule: str = "30 3 * * *"
    misfire_grace_seconds: int = Field(default=3600, ge=1)
    step_timeout_seconds: int = Field(default=3600, ge=1)
    database_timeout_seconds: int = Field(default=300, ge=0)  # wait for a program that has the work database open
    run_retention_days: int = Field(default=90, ge=1)
    log_retention_days: int = Field(default=30, ge=1)
    snapshot_retention_days: int = Field(default=7, ge=1)  # Iceberg snapshots older than this are expired
    transcript_days: int = Field(default=30, ge=1)  # Claude Code's cleanupPeriodDays
    dbt_vars: Annotated[dict[str, Any], NoDecode, BeforeValidator(_from_json)] = Field(default_factory=dict)
    dbt_project_dir: UserPath | None = None
    scheduler_dir: UserPath | None = None  # history and token; default: scheduler/ in the data directory
    scheduler_host: str = "127.0.0.1"
    scheduler_port: int = Field(default=8321, ge=0, le=65535)
    scheduler_token: SecretStr | None = None  # allows actions from the page; on loopback one is generated
    loader_url: str | None = None  # the loader service of the appliance
    loader_token: SecretStr | None = None
    metabase_url: str | None = None  # its API's address
    metabase_site_url: str | None = None  # its address for people; default: metabase_url
    metabase_user: str | None = None
    metabase_password: SecretStr | None = None
    alert_webhook_url: SecretStr | None = None
    alert_email_to: str | None = None
    alert_email_from: str = "claude-analytics@localhost"
    alert_after_failures: int = Field(default=2, ge=1)
    alert_stale_hours: float = Field(default=48, gt=0, allow_inf_nan=False)
    smtp_host: str | None = None
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"

    # Backups: where, when, how many, and how they are encrypted (docs/backup.md)
    backup_to: str | None = None  # a folder, or s3://BUCKET/PREFIX
    backup_schedule: str = "off"  # cron, an interval such as 1d, or off
    backup_keep_daily: int = Field(default=7, ge=1)
    backup_keep_weekly: int = Field(default=5, ge=0)
    backup_keep_monthly: int = Field(default=12, ge=0)
    backup_passphrase: SecretStr | None = None
    backup_recipient: str | None = None  # age's public key
    backup_identity: SecretStr | None = None  # its private key, needed only to restore and verify
    backup_s3_endpoint: str | None = None
    backup_s3_region: str = "us-east-1"
    backup_s3_access_key_id: SecretStr | None = None
    backup_s3_secret_access_key: SecretStr | None = None
    vault_url: str | None = None  # the vault service of the appliance
    vault_token: SecretStr | None = None
    metabase_database_uri: SecretStr | None = None  # Metabase's own database in PostgreSQL

    # Other machines: the receiver of their lines, and their spool (docs/machines.md)
    receiver_url: str | None = None  # its address for machines
    receiver_host: str = "127.0.0.1"
    receiver_port: int = Field(default=8324, ge=0, le=65535)
    receiver_certificate: UserPath | None = None  # PEM with key and chain; default: a self-signed one
    spool_limit_mb: int = Field(default=1024, ge=1)  # on a machine that sends, while the receiver is unreachable

    # Logs
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return options, environment and `.env`: the last two also accept NAME_FILE, and ignore empty values."""
        for source in (env_settings, dotenv_settings):
            assert isinstance(source, EnvSettingsSource)
            source.env_vars = _with_files(settings_cls.model_fields, source.env_vars)
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            return ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("expected an IANA timezone such as Europe/Berlin") from None

    @property
    def duckdb_dir(self) -> Path:
        """The DuckDB volume: the folder of the published database's well-known path."""
        return self.duckdb_path.parent if self.duckdb_path else self.data_dir / "duckdb"


def _with_files(names: Iterable[str], given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the values of one source by field name."""
    values = {name: _with_file(name, given) or _by_former_name(name, given) for name in names}
    return {name: value for name, value in values.items() if value}


def _with_file(name: str, given: Mapping[str, str | None]) -> str | None:
    path = given.get(f"{name}_file")
    return given.get(name) or (_read_secret(name.upper(), Path(path)) if path else None)


def _by_former_name(name: str, given: Mapping[str, str | None]) -> str | None:
    former = FORMER_NAMES.get(name)
    value = _with_file(former, given) if former else None
    if former and value:
        _warn_once(f"{former.upper()} is now called {name.upper()}; rename it where it is set")
    return value


@cache
def _warn_once(text: str) -> None:
    print(text, file=sys.stderr)


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}_FILE={path}: cannot read it ({error.strerror}); check that it exists") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}_FILE={path}: expected text in UTF-8; write the file again") from None


def load_settings(**overrides: Any) -> Settings:
    """Return the settings; overrides (by field name, None means not given) take precedence over the environment.

    Raises SettingsError with one line that names the setting, what was found and what is expected.
    """
    given = {name: value for name, value in overrides.items() if value not in (None, "")}
    try:
        return Settings(**given)
    except UnicodeDecodeError:
        raise SettingsError(".env: expected text in UTF-8; write the file again, or rename it") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        found = "" if "secret" in name.lower() or "uri" in name.lower() else f" (found {first['input']!r})"
        raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}{found}") from None
