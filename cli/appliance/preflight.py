"""The checks of `./analytics up` before it starts anything: engine, compose, memory, disk, ports, transcripts."""

import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cli.appliance.compose import ApplianceError, Compose, docker, is_rootless, uid_inside
from cli.appliance.env_file import check_env_file
from cli.finding import Finding, Status
from common.transcript_files import find

ENGINE, COMPOSE = (20, 10), (2, 20)
MEMORY_GIB, MEMORY_LEAST_GIB = 8, 4
DISK_GIB, DISK_LEAST_GIB = 20, 6
GIB = 2**30
HOME, TRANSCRIPTS = "/home/owner", "/home/owner/.claude/projects"
"""Where the owner's home folder with the transcripts is mounted in the collector's container."""


def preflight(compose: Compose) -> list[Finding]:
    """Return every check's findings, in the order in which a person would fix them."""
    checks: list[Callable[[], Finding]] = [_engine, _compose, _memory, _disk]
    findings = []
    for check in checks:
        findings.append(check())
        if findings[-1].status == "fail" and check in (_engine, _compose):
            return findings
    findings += check_env_file(compose.root)
    if any(finding.name == ".env" and finding.status == "fail" for finding in findings):
        return findings
    config = compose.config()
    return [*findings, *_ports(compose, config), _transcripts(config, rootless=is_rootless())]


def _engine() -> Finding:
    expected = f"Docker Engine {_dotted(ENGINE)} or newer answers"
    try:
        found = docker("version", "--format", "{{.Server.Version}}").strip()
    except ApplianceError as error:
        return Finding("Engine", "fail", str(error), expected, "install Docker, start it, and let this user reach it")
    return _version("Engine", found, ENGINE, expected, "update Docker Engine")


def _compose() -> Finding:
    expected = f"Docker Compose {_dotted(COMPOSE)} or newer"
    try:
        found = docker("compose", "version", "--short").strip()
    except ApplianceError as error:
        return Finding("Compose", "fail", str(error), expected, "install the docker-compose-plugin package")
    return _version("Compose", found, COMPOSE, expected, "update the docker-compose-plugin package")


def _version(name: str, found: str, least: tuple[int, int], expected: str, fix: str) -> Finding:
    numbers = re.match(r"v?(\d+)\.(\d+)", found)
    enough = numbers is not None and (int(numbers[1]), int(numbers[2])) >= least
    return Finding(name, "ok" if enough else "fail", found, expected, "" if enough else fix)


def _memory() -> Finding:
    found = int(docker("info", "--format", "{{.MemTotal}}")) / GIB
    fix = "give Docker more memory, or lower the *_MEMORY settings and METABASE_HEAP"
    return _amount("Memory", found, MEMORY_LEAST_GIB, MEMORY_GIB, "of memory", fix)


def _disk() -> Finding:
    folder = Path(docker("info", "--format", "{{.DockerRootDir}}").strip())
    here = folder if folder.exists() else Path("/")  # Docker Desktop has it inside a virtual machine
    fix = "free some space where Docker keeps images and volumes (docker system df)"
    return _amount("Disk", shutil.disk_usage(here).free / GIB, DISK_LEAST_GIB, DISK_GIB, f"free in {here}", fix)


def _amount(name: str, found: float, least: int, wanted: int, what: str, fix: str) -> Finding:
    status: Status = "ok" if found >= wanted * 0.95 else "warn" if found >= least * 0.95 else "fail"
    expected = f"{wanted} GiB {what}, at least {least}"
    return Finding(name, status, f"{found:.1f} GiB {what}", expected, "" if status == "ok" else fix)


def _ports(compose: Compose, config: dict[str, Any]) -> Iterator[Finding]:
    ours = _published_by_us(compose)
    for service, name in (("scheduler", "SCHEDULER_PORT"), ("metabase", "METABASE_PORT")):
        wanted = config["services"][service]["ports"][0]
        host, port = wanted.get("host_ip", "0.0.0.0"), int(wanted["published"])  # noqa: S104 - compose's own default
        expected, address = "free, or already ours", f"{host}:{port}"
        if port in ours or (reason := _why_taken(host, port)) is None:
            yield Finding(name, "ok", f"{address} is {'ours' if port in ours else 'free'}", expected)
        else:
            yield Finding(name, "fail", f"{address}: {reason}", expected, f"set {name} in .env to a free port")


def _published_by_us(compose: Compose) -> set[int]:
    listed = compose.output("ps", "--format", "json").strip()
    # One array up to compose 2.20, one object a line since.
    containers = json.loads(listed) if listed.startswith("[") else [json.loads(line) for line in listed.splitlines()]
    return {entry["PublishedPort"] for container in containers for entry in container.get("Publishers") or ()}


def _why_taken(host: str, port: int) -> str | None:
    try:
        with socket.create_server((host, port)):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _transcripts(config: dict[str, Any], *, rootless: bool = False) -> Finding:
    collector = config["services"]["collector"]
    mount = next(volume for volume in collector["volumes"] if volume["target"].startswith(HOME))
    source = Path(mount["source"]) / Path(TRANSCRIPTS).relative_to(mount["target"])
    uid = int(collector["user"].partition(":")[0])
    expected = f"a folder that user {uid} can read"
    if collector["environment"]["COLLECTOR"] == "off":
        return Finding("Transcripts", "ok", "COLLECTOR is off: this host collects none", expected)
    if not source.is_dir():
        if mount["target"] == HOME:
            fix = "set TRANSCRIPTS_DIR in .env, or COLLECTOR=off if this host has no transcripts"
            return Finding("Transcripts", "warn", f"no folder {source} yet", expected, fix)
        return Finding("Transcripts", "fail", f"no folder {source}", expected, "set TRANSCRIPTS_DIR in .env")
    owner = uid_inside(source.stat().st_uid, rootless=rootless)
    if owner != uid and source.stat().st_mode & 0o005 != 0o005:
        fix = f"set TRANSCRIPTS_UID={owner} in .env"
        return Finding("Transcripts", "fail", f"only user {owner} can read {source}", expected, fix)
    files = len(find(source).transcripts)
    return Finding("Transcripts", "ok", f"{files} transcripts in {source}", expected)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
