"""The compose file keeps its own rules: what each service may do, see and reach, and what a reader is told."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.appliance.preflight import HOME, TRANSCRIPTS
from cli.appliance.scheduler_service import OTHERS_VOLUMES, volumes
from common.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
LASTING = {name: service for name, service in SERVICES.items() if service["restart"] != "no"}
DOCKERFILES = [ROOT / "services" / "Dockerfile", ROOT / "metabase" / "Dockerfile"]

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def default(value: str) -> str:
    """What compose makes of a value where nobody chose anything."""
    while match := re.search(r"\$\{[A-Z][A-Z0-9_]*:-([^${}]*)\}", value):
        value = value[: match.start()] + match[1] + value[match.end() :]
    return value


def mounts(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Target -> source, read-only."""
    found = {}
    for mount in service.get("volumes", []):
        if isinstance(mount, str):
            source, target, *mode = mount.split(":")
            found[target] = (source, mode in (["ro"], ["ro,nocopy"]))
        else:
            found[mount["target"]] = (mount["source"], bool(mount.get("read_only")))
    return found


@every_service
def test_nobody_runs_as_root(service: dict[str, Any]) -> None:
    user, _, group = default(service["user"]).partition(":")
    assert int(user) > 0
    assert int(group) > 0


@every_service
def test_every_service_has_the_least_that_a_container_can_have(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "devices", "pid", "ipc", "userns_mode", "sysctls"}
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if service is SERVICES["caddy"] else [])
    assert service.get("network_mode", "none") == "none"


@every_service
def test_nobody_sees_the_docker_socket(service: dict[str, Any]) -> None:
    assert not [source for source, _ in mounts(service).values() if "docker" in source or source.startswith("/")]


@every_service
def test_memory_processes_and_logs_are_limited(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mg]", default(service["mem_limit"]))
    assert service["pids_limit"] <= 512
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


@every_service
def test_every_image_has_a_version(service: dict[str, Any]) -> None:
    name, _, tag = default(service["image"]).rpartition(":")
    assert name
    assert re.search(r"\d", tag), f"{service['image']}: expected a tag with a version, found {tag!r}"


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_every_base_image_has_a_version_and_ends_as_somebody(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    arguments = dict(line.split()[1].split("=", 1) for line in lines if line.startswith("ARG ") and "=" in line)
    stages = {line.split(" AS ")[1] for line in lines if line.startswith("FROM ") and " AS " in line}
    (base,) = [name for name in arguments if name.endswith("_IMAGE")]
    assert default(COMPOSE["x-base"][base]) == arguments[base], "the Dockerfile alone and compose build on the same"
    for line in lines:
        if line.startswith("FROM "):
            image = re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], line.split()[1])
            assert image in stages or re.search(r":[^:]*\d", image), f"{line}: expected a version"
    assert [line for line in lines if line.startswith("USER ")][-1] not in {"USER root", "USER 0"}


@pytest.mark.parametrize("service", LASTING.values(), ids=LASTING)
def test_what_stays_up_says_whether_it_is_well(service: dict[str, Any]) -> None:
    assert {"test", "interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys()


def test_a_service_waits_for_health_or_completion_and_never_just_for_a_start() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            expected = "service_healthy" if other in LASTING else "service_completed_successfully"
            assert how == {"condition": expected}, f"{name} -> {other}"


def test_ports_are_open_to_this_machine_alone_unless_chosen_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"scheduler", "metabase", "caddy", "receiver"}
    assert SERVICES["caddy"]["profiles"] == ["tls"]
    assert all(port.startswith("${TLS_BIND_ADDRESS:-0.0.0.0}:") for port in published.pop("caddy"))
    assert SERVICES["receiver"]["profiles"] == ["machines"]
    assert all(port.startswith("${RECEIVER_BIND_ADDRESS:-0.0.0.0}:") for port in published.pop("receiver"))
    for ports in published.values():
        assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in ports)


def test_only_what_publishes_a_port_can_reach_the_outside() -> None:
    inside = {name for name, network in COMPOSE["networks"].items() if network.get("internal")}
    for name, service in SERVICES.items():
        assert set(service.get("networks", [])) <= inside | ({"outside"} if "ports" in service else set()), name


def test_the_stores_are_reached_by_those_who_need_them_alone() -> None:
    members = {
        network: {name for name, service in SERVICES.items() if network in service.get("networks", [])}
        for network in COMPOSE["networks"]
    }
    assert members["records"] == {"mongo", "mongo-accounts", "collector", "receiver", "loader", "vault"}
    assert members["lake"] == {"iceberg", "loader"}
    assert members["metabase-db"] == {"metabase-db", "metabase", "vault"}


@every_service
def test_no_secret_is_in_an_environment(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if re.search(r"PASS|TOKEN|SECRET|KEY|_URI$|WEBHOOK", name.removesuffix("_FILE")) and "://" not in value:
            assert name.endswith("_FILE"), f"{name}: expected a file, found a value"
            assert value.startswith("/run/secrets/")


def test_no_secret_has_a_default() -> None:
    assert not re.findall(r"\$\{\w*(?:PASSWORD|TOKEN|SECRET)\w*:-[^}]", TEXT)


def test_a_service_reads_its_own_secrets_and_no_others() -> None:
    for name, service in SERVICES.items():
        held = {source: readonly for source, readonly in mounts(service).values() if source.startswith("secrets")}
        if name == "init":
            assert held.keys() == {volume for volume in COMPOSE["volumes"] if volume.startswith("secrets")}
        else:
            owner = {"smoke": "scheduler"}.get(name, name)
            if name == "vault":  # which backs them up
                assert held.pop("secrets") is True
            assert held in ({f"secrets-{owner}": True}, {}), name


def test_a_secret_that_a_service_reads_is_one_that_init_hands_to_it() -> None:
    script = (ROOT / "services" / "init" / "init.sh").read_text(encoding="utf-8")
    given: dict[str, set[str]] = {}
    for service, names in re.findall(r"^    give (\S+) (.+)$", script, re.MULTILINE):
        given.setdefault(service, set()).update(names.split())
    for service in re.findall(r"^    give_uri (\S+)", script, re.MULTILINE):
        given.setdefault(service, set()).add("mongo_uri")
    for service in re.findall(r"^    give_database_uri (\S+)", script, re.MULTILINE):
        given.setdefault(service, set()).add("metabase_database_uri")
    for name, service in SERVICES.items():
        if name in {"init", "smoke"}:
            continue
        scripts = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob(f"services/{name}/*.sh"))
        named = set(re.findall(r"/run/secrets/(\w+)", yaml.safe_dump(service) + scripts))
        assert named == given.get(name, set()), name


def test_transcripts_and_published_databases_are_only_read() -> None:
    for name, service in SERVICES.items():
        for target, (_, readonly) in mounts(service).items():
            if target.startswith("/home") or (target == "/duckdb" and name not in {"loader", "scheduler"}):
                assert readonly, f"{name} {target}"


def test_the_scheduler_sees_the_volumes_of_other_stores_read_only_and_never_as_their_first_owner() -> None:
    """A volume takes its owner from the first container that mounts it, and these belong to others."""
    (mongo, iceberg, database) = [mount for mount in SERVICES["scheduler"]["volumes"] if ":/volumes/" in str(mount)]
    assert {mongo, iceberg, database} == {
        f"{name}:{OTHERS_VOLUMES}/{name}:ro,nocopy" for name in ("mongo", "iceberg", "metabase-db")
    }


def test_every_volume_that_grows_is_watched() -> None:
    """But for the backups': one that finds no room fails and says so."""
    unwatched = {"caddy", "backups", "receiver"}
    grows = {name for name in COMPOSE["volumes"] if not name.startswith("secrets") and name not in unwatched}
    assert volumes(load_settings()).keys() == grows


def test_the_file_can_be_read_from_top_to_bottom() -> None:
    assert len(TEXT.splitlines()) < 450


def test_a_script_that_a_service_runs_is_there_and_is_one() -> None:
    for name in ("iceberg",):
        (folder,) = [source for target, (source, _) in mounts(SERVICES[name]).items() if target == "/scripts"]
        for script in re.findall(r"/scripts/([\w.]+)", yaml.safe_dump(SERVICES[name])):
            assert subprocess.run(["sh", "-n", ROOT / folder / script], check=False).returncode == 0


def copied(stage: str) -> set[Path]:
    """Our Python files in an image's stage."""
    text = (ROOT / "services" / "Dockerfile").read_text(encoding="utf-8")
    body = re.split(r"^FROM .* AS \w[\w-]*$", text.split(f"FROM base AS {stage}\n")[1], flags=re.MULTILINE)[0]
    sources = [word for line in re.findall(r"^COPY (?!-)(.+)$", body, re.MULTILINE) for word in line.split()[:-1]]
    paths = [ROOT / source for source in sources]
    return {file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])}


@pytest.mark.parametrize("stage", ["collector", "loader", "scheduler", "smoke", "vault"])
def test_an_image_has_every_file_of_ours_that_its_files_import(stage: str) -> None:
    there = copied(stage)
    assert there
    for file in (file for file in there if not file.name.startswith("test_")):  # pytest runs those outside
        for module in re.findall(r"^(?:from|import) ([a-z_.]+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            place = ROOT / module.replace(".", "/")
            if (ROOT / module.partition(".")[0] / "__init__.py").exists():
                assert {place.with_suffix(".py"), place / "__init__.py"} & there, f"{file.relative_to(ROOT)}: {module}"


def test_docker_never_makes_a_folder_on_the_host() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            if isinstance(mount, dict) and mount["type"] == "bind":
                assert mount["bind"] == {"create_host_path": False}


def test_transcripts_lie_where_they_are_looked_for_whether_a_folder_was_chosen_or_the_home_is_mounted() -> None:
    for name in ("collector", "smoke"):
        (bind,) = [mount for mount in SERVICES[name]["volumes"] if isinstance(mount, dict) and mount["type"] == "bind"]
        assert bind["source"] == "${TRANSCRIPTS_DIR:-${HOME:-/home}}"
        home, chosen = re.fullmatch(r"([/a-z]+)\$\{TRANSCRIPTS_DIR:\+([/.a-z]+)\}", bind["target"]).groups()  # type: ignore[union-attr]
        assert SERVICES[name]["environment"]["TRANSCRIPTS_DIR"] == home + chosen == TRANSCRIPTS
        assert home == HOME


def test_the_build_gives_way_to_whoever_looks_at_a_dashboard() -> None:
    assert {name for name, service in SERVICES.items() if service.get("cpu_shares", 1024) < 1024} == {
        *("loader", "scheduler", "vault"),
    }


def test_every_volume_says_what_its_loss_costs() -> None:
    section = TEXT[TEXT.index("\nvolumes:") :]
    for name in COMPOSE["volumes"]:
        if not name.startswith("secrets-"):
            assert re.search(rf"^  {name}: # \w.+$", section, re.MULTILINE), name
    assert "# Copies out of `secrets`, one per service: nothing" in section


def test_services_of_ours_are_told_only_what_the_settings_know() -> None:
    """The others have names of their own: MB_, POSTGRES_, MONGO_INITDB_, and Java's."""
    ours = {name.upper() for name in Settings.model_fields} | {"SCHEDULER_URL"}
    for name in ("mongo-accounts", "collector", "loader", "scheduler", "smoke", "vault"):
        for variable in SERVICES[name]["environment"]:
            assert variable.removesuffix("_FILE") in ours, f"{name}: {variable}"


def test_compose_itself_finds_no_fault() -> None:
    found = shutil.which("docker")
    if not found or subprocess.run([found, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    command = ["docker", "compose", "--file", "compose.yaml", "--profile", "test", "config", "--quiet"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("free", "was_full", "ends"),
    [(99_999, True, True), (99_999, False, False), (20_000, True, False), (9, False, False)],
)
def test_the_store_is_started_again_once_there_is_room_after_its_disk_was_full(
    tmp_path: Path, free: int, was_full: bool, ends: bool
) -> None:
    """With the programs that the script runs replaced: it says what it would end, and reads an object that is there."""
    programs = {"df": f"echo '/dev/x 400000 1 {free} 1% /data'", "wget": "echo alive", "sleep": ""}
    for name, does in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    marker = tmp_path / "disk-was-full"
    if was_full:
        marker.touch()
    script = (ROOT / "services" / "iceberg" / "healthy.sh").read_text(encoding="utf-8")
    script = re.sub(r"^was_full=.*$", f"was_full={marker}", script, flags=re.MULTILINE)
    command = ["sh", "-c", f'kill() {{ echo "kill $*"; }}\n{script}']
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^kill .*$", said, re.MULTILINE) == (["kill 1", "kill -9 -1"] if ends else [])
    assert marker.exists() == (was_full or free < 16_384)
