"""The settings: how they are read, what an error says, and that code, example, docs and compose know the same names."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.paths import DataPaths
from common.settings import FORMER_NAMES, Settings, SettingsError, load_settings

ROOT = Path(__file__).resolve().parents[2]
OF_COMPOSE = {"HOME", "COMPOSE_PROJECT_NAME"}
"""What the shell and Compose itself set."""
FORMER = {name.upper() for name in FORMER_NAMES.values()}
SECRETS = sorted(
    name for name, field in Settings.model_fields.items() if field.annotation and "SecretStr" in str(field.annotation)
)


def field_names() -> set[str]:
    return {name.upper() for name in Settings.model_fields}


def documented() -> dict[str, tuple[str, str]]:
    """Name -> default, mode of each row of docs/settings.md."""
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| (.*?) \| ([sa ]+) \| .+ \|$", text, re.MULTILINE)
    return {name: (default, mode) for name, default, mode in rows}


def exampled() -> dict[str, str]:
    """Name -> value of each line of .env.example, all of which are comments."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def compose_choices() -> set[str]:
    """The names that compose.yaml takes from .env."""
    file = ROOT / "compose.yaml"
    if not file.exists():
        pytest.skip("no compose.yaml in this checkout")
    return set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)", file.read_text(encoding="utf-8"))) - {*OF_COMPOSE, *FORMER}


def test_docs_and_example_know_the_same_names() -> None:
    assert sorted(documented()) == sorted(exampled())


def test_every_setting_of_ours_is_documented_for_the_standalone_mode() -> None:
    assert {name for name, (_, mode) in documented().items() if "s" in mode} == field_names()


def test_every_choice_in_the_compose_file_is_documented_for_the_appliance() -> None:
    assert {name for name, (_, mode) in documented().items() if "a" in mode} == compose_choices()


def test_documented_defaults_are_the_real_ones() -> None:
    """Those in code font are; the others (none, or computed on the machine) are described in words."""
    for name, field in Settings.model_fields.items():
        written = re.fullmatch(r"`([^`]*)`", documented()[name.upper()][0])
        if written and field.default_factory is None and not isinstance(field.default, Path):
            assert written[1] == str(field.default), name
        elif not written:
            assert field.default is None or field.default_factory, name


def test_the_example_shows_the_documented_defaults() -> None:
    for name, value in exampled().items():
        default = re.fullmatch(r"`([^`]*)`", documented()[name][0])
        assert value == (default[1] if default else ""), name


def test_the_example_as_it_is_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uncommented whole, it still leads to the defaults: an empty value counts as not set."""
    lines = [f"{name}={value}" for name, value in exampled().items() if name not in {"TRANSCRIPTS_DIR", "DATA_DIR"}]
    (tmp_path / "all.env").write_text("\n".join(lines))
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / "all.env"))
    from_example = load_settings()
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    assert from_example == load_settings()


def test_an_option_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("KEEP_GENERATIONS=4\nTOOL_OUTPUT_LIMIT=4\nDBT_TARGET=dev\n")
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    monkeypatch.setenv("KEEP_GENERATIONS", "5")
    monkeypatch.setenv("TOOL_OUTPUT_LIMIT", "5")
    settings = load_settings(keep_generations=6, tool_output_limit=None)
    assert (settings.keep_generations, settings.tool_output_limit, settings.dbt_target) == (6, 5, "dev")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_read_from_a_file_and_never_printed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    monkeypatch.setenv(f"{name.upper()}_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `.env` of the folder where the command is started."""
    monkeypatch.setitem(Settings.model_config, "env_file", str(tmp_path / ".env"))
    return tmp_path / ".env"


def test_a_secret_s_file_may_be_named_in_the_env_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As .env.example says; and the environment wins, by whichever of the two names."""
    (env_file.parent / "secret").write_text("from-file\n")
    env_file.write_text(f"MONGO_URI_FILE={env_file.parent / 'secret'}\nLOADER_TOKEN=from-env-file\n")
    monkeypatch.setenv("LOADER_TOKEN_FILE", str(env_file.parent / "secret"))
    settings = load_settings()
    assert settings.mongo_uri is not None
    assert settings.loader_token is not None
    assert settings.mongo_uri.get_secret_value() == settings.loader_token.get_secret_value() == "from-file"


def test_any_setting_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DBT_VARS": '{"start_date": "2026-01-01"}', "TOOL_OUTPUT_LIMIT": "7"}.items():
        (tmp_path / name).write_text(value)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    settings = load_settings()
    assert (settings.dbt_vars, settings.tool_output_limit) == ({"start_date": "2026-01-01"}, 7)


def test_a_file_that_is_no_text_is_named(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_bytes(b"DATA_DIR=/home/j\xf6rg\n")
    with pytest.raises(SettingsError, match=r"^\.env: expected text in UTF-8"):
        load_settings()
    env_file.rename(env_file.with_name("secret"))
    monkeypatch.setenv("MONGO_URI_FILE", str(env_file.with_name("secret")))
    with pytest.raises(SettingsError, match=r"^MONGO_URI_FILE=.*secret: expected text in UTF-8"):
        load_settings()


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"^MONGO_URI_FILE=.*nowhere: cannot read it \(No such file"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TIMEZONE", "Mars/Olympus", r"^TIMEZONE: expected an IANA timezone .* \(found 'Mars/Olympus'\)$"),
        ("TIMEZONE", "../../etc/passwd", r"^TIMEZONE: expected an IANA timezone"),
        ("KEEP_GENERATIONS", "1", r"^KEEP_GENERATIONS: .*2 \(found '1'\)$"),
        ("DBT_TARGET", "live", r"^DBT_TARGET: .*'prod' or 'test' \(found 'live'\)$"),
        ("SCHEDULER_PORT", "70000", r"^SCHEDULER_PORT: .*65535"),
        ("DBT_VARS", "start_date", r"^DBT_VARS: expected JSON such as .* \(found 'start_date'\)$"),
        ("DBT_VARS", "[1]", r"^DBT_VARS: .*dictionary \(found \[1\]\)$"),
        ("DATA_DIR", "~nobody-here/x", r"^DATA_DIR: expected a path.* \(found '~nobody-here/x'\)$"),
        ("CLAUDE_CONFIG_DIR", "~nobody-here", r"^TRANSCRIPTS_DIR: expected a path"),
        ("ALERT_STALE_HOURS", "inf", r"^ALERT_STALE_HOURS: .*finite number"),
    ],
)
def test_a_wrong_value_ends_in_one_line_that_says_what_is_right(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message) as raised:
        load_settings()
    assert "\n" not in str(raised.value)


def test_a_former_name_is_read_until_it_is_renamed(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNNER_PORT", "9000")
    secret = env_file.parent / "token"
    secret.write_text("s3cret")
    env_file.write_text(f"LOG_DAYS=5\nRUNNER_TOKEN_FILE={secret}\n")
    settings = load_settings()
    assert (settings.scheduler_port, settings.log_retention_days) == (9000, 5)
    assert settings.scheduler_token is not None
    assert settings.scheduler_token.get_secret_value() == "s3cret"
    warned = set(capsys.readouterr().err.splitlines())
    assert "RUNNER_PORT is now called SCHEDULER_PORT; rename it where it is set" in warned
    monkeypatch.setenv("SCHEDULER_PORT", "9001")
    assert load_settings().scheduler_port == 9001


def test_an_empty_value_counts_as_not_set(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MONGO_URI", "KEEP_GENERATIONS", "TIMEZONE", "S3_ENDPOINT", "DBT_VARS"):
        monkeypatch.setenv(name, "")
    assert load_settings() == Settings(timezone=load_settings().timezone)
    env_file.write_text("KEEP_GENERATIONS=4\nDBT_VARS=\n")
    assert load_settings().keep_generations == 4, "the file's value, as without the empty one"


def test_paths_are_absolute_and_know_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = load_settings(transcripts_dir="here")
    assert settings.transcripts_dir == (tmp_path / "here",)
    assert settings.data_dir == tmp_path / ".local" / "share" / "claude-analytics"


def test_transcripts_are_where_claude_code_was_told_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    assert load_settings().transcripts_dir == (tmp_path / "projects",)


def test_the_timezone_is_the_machines_unless_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Kolkata")
    assert load_settings().timezone == "Asia/Kolkata"
    assert load_settings(timezone="Europe/Berlin").timezone == "Europe/Berlin"
    monkeypatch.setenv("TZ", "CET-1CEST")
    assert load_settings().timezone == "UTC", "a rule without a name cuts no days; doctor says so"


def paths(**chosen: Any) -> DataPaths:
    return DataPaths.of(load_settings(**chosen))


def test_every_path_lies_in_the_data_directory(tmp_path: Path) -> None:
    where = paths(data_dir=tmp_path)
    volume = where.duckdb
    for path in (where.records, where.iceberg, where.report, where.logs, volume.work_database, volume.lock):
        assert tmp_path in path.parents
    assert volume.published_database == tmp_path / "duckdb" / "current" / "analytics.db"


def test_a_database_path_of_ones_own_moves_the_whole_volume(tmp_path: Path) -> None:
    volume = paths(data_dir=tmp_path, duckdb_path=tmp_path / "elsewhere" / "analytics.db").duckdb
    assert volume.root == tmp_path / "elsewhere"
    assert volume.well_known_database == tmp_path / "elsewhere" / "analytics.db"


def test_files_of_every_database_share_one_name(tmp_path: Path) -> None:
    """DuckDB's views keep the file's stem as the catalog's name, and break under another."""
    volume = paths(data_dir=tmp_path).duckdb
    assert {volume.work_database.name, volume.published_database.name, volume.well_known_database.name} == {
        "analytics.db"
    }


def test_settings_cannot_be_changed_once_read() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.host_name = datetime.now(UTC).isoformat()  # type: ignore[misc]
