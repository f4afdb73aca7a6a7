"""The vault as the appliance has it: MongoDB, Metabase's PostgreSQL, secrets and the scheduler's files, over HTTP.

The servers are MongoDB's stand-in and a real PostgreSQL, as processes; what dumps and restores are its own programs.
"""

import io
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

import collector
from common.settings import load_settings
from records import open_store
from scheduler.loader_client import HttpVault, LoaderError
from scheduler.runner import open_history
from tests.integration.collecting import ROOT
from tests.integration.conftest import free_port
from tests.integration.vault.backing import contents
from tests.integration.vault.forked_command import begin, ended
from vault.__main__ import main as vault_main
from vault.errors import VaultError
from vault.metabase_values import delete_kept_values

pytestmark = pytest.mark.skipif(not shutil.which("pg_dump"), reason="no pg_dump on PATH: install postgresql-client")
TOKEN = "token-of-the-vault"


def _programs() -> Path | None:
    found = [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    onpath = shutil.which("initdb")
    return found[-1] if found else Path(onpath).parent if onpath else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a PostgreSQL server, without a database's name."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server: install postgresql")
    folder, port = tmp_path_factory.mktemp("postgres"), free_port()
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if user:
        os.chown(folder, 65534, 65534)
    data, password = folder / "data", folder / "password"
    password.write_text("secret")
    password.chmod(0o644)
    options = ["--auth=scram-sha-256", f"--pwfile={password}", "--username=metabase", "--no-sync"]
    subprocess.run([*user, programs / "initdb", "-D", data, *options], check=True, capture_output=True)
    command = [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
    process = subprocess.Popen([*user, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    uri = f"postgresql://metabase:secret@127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while not _answers(uri):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield uri
    process.terminate()
    process.wait(60)


def _answers(uri: str) -> bool:
    return subprocess.run(["pg_isready", "-q", "-d", f"{uri}/postgres"], check=False).returncode == 0


def sql(uri: str, statement: str) -> str:
    command = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", uri, "-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def start_vault(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "vault", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def answer_of_vault(environment: dict[str, str], *arguments: str) -> tuple[int | None, bytes]:
    """Run a command of the vault in a fork; return its exit code and all that it wrote."""

    def command() -> int:
        sys.argv = ["vault", *arguments]
        return vault_main()

    variables = {"PATH": os.environ["PATH"]} | environment
    with tempfile.TemporaryFile() as said:
        code = ended(begin(command, cwd=ROOT, environment=variables, output=said, error=said))
        said.seek(0)
        return code, said.read()


def test_the_appliance_is_backed_up_and_comes_back_on_an_empty_host(  # noqa: PLR0915 - one story from end to end
    postgres: str, mongo_server: str, vault_sample: Path, tmp_path: Path
) -> None:
    names = {which: f"{which}_{secrets.token_hex(4)}" for which in ("original", "restored")}
    for name in names.values():
        sql(f"{postgres}/postgres", f"create database {name}")
    sql(f"{postgres}/{names['original']}", "create table report_card as select n as id from generate_series(1, 999) n")
    (tmp_path / "secrets").mkdir()
    for name, content in {"metabase_password": "of-metabase", "backup_passphrase": "correct horse"}.items():
        (tmp_path / "secrets" / name).write_text(content)
    (tmp_path / "env").write_text("KEEP_GENERATIONS=2\n")
    settings = load_settings(
        data_dir=tmp_path / "data", mongo_uri=mongo_server, mongo_database=names["original"], host_name="appliance"
    )
    with closing(open_store(settings)) as store:
        collector.collect(store, vault_sample, "appliance")
    open_history(settings).set_state("kept", "in the history of runs")

    def environment(which: str) -> dict[str, str]:
        return {
            "MONGO_URI": mongo_server,
            "MONGO_DATABASE": names[which],
            "METABASE_DATABASE_URI": f"{postgres}/{names[which]}",
            "DATA_DIR": str(tmp_path / ("data" if which == "original" else "elsewhere")),
            "BACKUP_TO": str(tmp_path / "backups"),
            "BACKUP_PASSPHRASE_FILE": str(tmp_path / "secrets" / "backup_passphrase"),
            "VAULT_TOKEN": TOKEN,
            "HOST_NAME": "appliance",
        }

    port = free_port()
    options = ["--secrets", str(tmp_path / "secrets"), "--env-file", str(tmp_path / "env"), "--port", str(port)]
    process = start_vault(environment("original"), "serve", *options)
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url, process)
        assert requests.post(f"{url}/backup", json={"full": False}, timeout=30).status_code == 401
        assert b"claude_analytics" in requests.get(f"{url}/metrics", timeout=30).content
        vault = HttpVault.of(settings.model_copy(update={"vault_url": url, "vault_token": SecretStr(TOKEN)}))
        assert vault is not None
        done = vault.backup()
        assert done.rows == len(contents(settings)["lines"])
        assert vault.backup().new_size < done.new_size
        sql(f"{postgres}/postgres", f"drop database {names['original']} with (force)")
        with pytest.raises(LoaderError, match=r"the vault answered 500 to backup: .*pg_dump failed"):
            vault.backup()
    finally:
        process.terminate()
        process.wait(60)
        process.communicate()

    restoring = start_vault(environment("restored"), "restore")
    said, _ = restoring.communicate()
    assert restoring.returncode == 0, said
    assert "Metabase's database: restored" in said
    assert "secret" not in said.replace("restored/secrets", "").replace(f"{tmp_path}", "")
    assert sql(f"{postgres}/{names['restored']}", "select count(*), sum(id) from report_card") == "999|499500"
    target = settings.model_copy(update={"data_dir": tmp_path / "elsewhere", "mongo_database": names["restored"]})
    assert contents(target) == contents(settings)
    assert open_history(target).get_state("kept") == "in the history of runs"
    other = tmp_path / "elsewhere" / "restored"
    assert (other / "secrets/metabase_password").read_text() == "of-metabase"
    assert (other / "settings/env").read_text() == "KEEP_GENERATIONS=2\n"
    assert not (other / "secrets/backup_passphrase").exists()
    file = max(vault_sample.rglob("*.jsonl"), key=lambda path: path.stat().st_size)
    code, packed = answer_of_vault(environment("restored"), "session", file.stem)
    assert code == 0
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        back = tar.extractfile(f"projects/{file.relative_to(vault_sample)}")
        assert back is not None
        assert back.read() == file.read_bytes()
    code, text = answer_of_vault(environment("restored"), "restore")
    assert (code, b"expected an empty" in text) == (2, True)
    code, text = answer_of_vault(environment("restored"), "verify")
    assert (code, b"parts agree" in text) == (0, True)


def test_values_that_metabase_keeps_are_deleted(postgres: str) -> None:
    name = f"metabase_{secrets.token_hex(4)}"
    sql(f"{postgres}/postgres", f"create database {name}")
    uri = SecretStr(f"{postgres}/{name}")
    delete_kept_values(uri)  # of a version that has no such tables
    sql(f"{postgres}/{name}", "create table query_cache as select 'result' as results")
    sql(f"{postgres}/{name}", "create table metabase_fieldvalues as select 'value' as values")
    sql(f"{postgres}/{name}", "create table report_card as select 1 as id")
    delete_kept_values(uri)
    counts = "select (select count(*) from query_cache), (select count(*) from metabase_fieldvalues)"
    assert sql(f"{postgres}/{name}", f"{counts}, (select count(*) from report_card)") == "0|0|1"
    sql(f"{postgres}/postgres", f"drop database {name}")
    with pytest.raises(VaultError, match=r"Metabase's database: .*does not exist; check that it runs"):
        delete_kept_values(uri)


def _await(url: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(process.communicate()[0] if process.poll() is not None else "no answer within 60 s")
