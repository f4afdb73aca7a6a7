"""Backups in an S3 store, and encrypted ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.settings import Settings
from standalone.backups import bring_back, make_backup
from tests.integration.conftest import free_port
from tests.integration.vault.backing import collect, contents, silent
from tests.integration.weed import rest_catalog
from vault.errors import PlaceError, VaultError
from vault.manifest import LINES
from vault.passphrase import LEAST_WORK, MOST_WORK, work_of
from vault.places import KEY


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings that reach an S3 store."""
    with rest_catalog(tmp_path_factory.mktemp("weed")) as found:
        yield found


def test_backups_in_an_s3_store(settings: Settings, bucket: Settings, tmp_path: Path) -> None:
    from pyarrow.fs import S3FileSystem  # noqa: PLC0415

    assert bucket.s3_access_key_id is not None
    assert bucket.s3_secret_access_key is not None
    keys = bucket.s3_access_key_id.get_secret_value(), bucket.s3_secret_access_key.get_secret_value()
    files = S3FileSystem(
        access_key=keys[0], secret_key=keys[1], endpoint_override=bucket.s3_endpoint, allow_bucket_creation=True
    )
    files.create_dir("backups")
    reaching = settings.model_copy(
        update={
            "backup_s3_endpoint": bucket.s3_endpoint,
            "backup_s3_access_key_id": bucket.s3_access_key_id,
            "backup_s3_secret_access_key": bucket.s3_secret_access_key,
        }
    )
    collect(reaching)
    first = make_backup(reaching, "s3://backups/laptop").backup.manifest
    second = make_backup(reaching, "s3://backups/laptop").backup.manifest
    assert second.of(LINES) == first.of(LINES)
    target = reaching.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    bring_back(target, "s3://backups/laptop", None, silent)
    assert contents(target) == contents(reaching)
    with pytest.raises(PlaceError, match="expected a bucket, found none named 'nowhere'"):
        make_backup(reaching, "s3://nowhere")
    closed = reaching.model_copy(update={"backup_s3_endpoint": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(VaultError, match="check BACKUP_S3_ENDPOINT and its keys"):
        make_backup(closed, "s3://backups")


def test_an_encrypted_backup_opens_with_its_passphrase_alone(settings: Settings, tmp_path: Path) -> None:
    collect(settings)
    where = str(tmp_path / "backups")
    secret = settings.model_copy(update={"backup_passphrase": SecretStr("correct horse")})
    first = make_backup(secret, where).backup.manifest
    assert LEAST_WORK <= work_of((tmp_path / "backups" / KEY).read_bytes()) <= MOST_WORK
    second = make_backup(secret, where).backup.manifest
    assert second.of(LINES) == first.of(LINES), "what is encrypted is taken over as well"
    for number, (given, said) in enumerate({"wrong": "does not open key.age", "": "is encrypted: expected"}.items()):
        closed = settings.model_copy(
            update={"data_dir": tmp_path / f"no-{number}", "backup_passphrase": SecretStr(given) if given else None}
        )
        with pytest.raises(VaultError, match=said):
            bring_back(closed, where, None, silent)
        assert not closed.data_dir.exists()
    target = secret.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    bring_back(target, where, None, silent)
    assert contents(target) == contents(settings)
    for file in (tmp_path / "backups").rglob("*.zst*"):
        assert file.read_bytes().startswith(b"age-encryption.org/v1")


def test_an_encrypted_backup_needs_the_public_key_only(settings: Settings, tmp_path: Path) -> None:
    import pyrage  # noqa: PLC0415

    identity = pyrage.x25519.Identity.generate()
    collect(settings)
    where = str(tmp_path / "backups")
    plain = make_backup(settings, where).backup.manifest
    sealed = make_backup(settings.model_copy(update={"backup_recipient": str(identity.to_public())}), where)
    names = {part.name for part in sealed.backup.manifest.parts}
    assert all(name.endswith(".age") for name in names), "nothing that is not encrypted is taken over"
    assert not names & {part.name for part in plain.parts}
    for number, key in enumerate([pyrage.x25519.Identity.generate(), identity]):
        opening = settings.model_copy(
            update={
                "data_dir": tmp_path / f"to-{number}",
                "backup_identity": SecretStr(f"# created: today\n{key}\n"),
            }
        )
        if key is identity:
            bring_back(opening, where, None, silent)
            assert contents(opening) == contents(settings)
        else:
            with pytest.raises(VaultError, match="the key does not open it; use the identity"):
                bring_back(opening, where, None, silent)
    with pytest.raises(VaultError, match="BACKUP_RECIPIENT: expected a public key of age"):
        make_backup(settings.model_copy(update={"backup_recipient": "me"}), where)
