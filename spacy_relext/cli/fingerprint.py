"""What tells a pipeline from others."""

import os
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Iterator, Optional

from spacy import util
from spacy.errors import Errors

# Bytes of a file that are read at a time.
CHUNK = 1 << 20


def get_fingerprint(model: str, code_path: Optional[Path] = None) -> str:
    """Tell a pipeline from others, and from itself before it was trained anew. It is made
    of what the files contain: a copy has the same.

    model (str): Name or path of the pipeline.
    code_path (Optional[Path]): Python file that it needs.
    RETURNS (str): 16 hexadecimal digits.
    RAISES (OSError): Where there is no such pipeline.
    """
    folder = find_folder(model)
    found = blake2b(digest_size=8)
    for path in _find_model_files(folder):
        found.update(f"{path.relative_to(folder).as_posix()}:{path.stat().st_size}:".encode())
        _add_file(found, path)
    if code_path is not None:
        _add_file(found, code_path)
    return found.hexdigest()


def find_folder(model: str) -> Path:
    """Where a pipeline is.

    model (str): Name or path of the pipeline.
    RETURNS (Path): Its folder.
    RAISES (OSError): Where there is no such pipeline.
    """
    # In the order in which spaCy looks for it.
    if util.is_package(model):
        return _find_package(model)
    if not Path(model).is_dir():
        raise OSError(Errors.E050.format(name=model))
    return Path(model)


def _find_package(model: str) -> Path:
    try:
        folder = util.get_package_path(model)
    # The latter of one that is spread over several folders.
    except (ImportError, TypeError) as error:
        advice = f". Its name may have underscores: {model.replace('-', '_')}"
        raise OSError(
            f"The package {model} can't be imported: {error}{advice if '-' in model else ''}"
        ) from error
    if not (folder / "meta.json").is_file():
        raise OSError(f"The package {model} is no pipeline: there is no meta.json in it")
    return folder


def _find_model_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=True):
        # What Python, git and others keep there changes without the model.
        folders[:] = sorted(x for x in folders if x != "__pycache__" and x[0] != ".")
        yield from (Path(parent, name) for name in sorted(names) if name[0] != ".")


def _add_file(found: blake2b, path: Path) -> None:
    with path.open("rb") as file:
        for chunk in iter(partial(file.read, CHUNK), b""):
            found.update(chunk)
