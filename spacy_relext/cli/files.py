"""What the commands have in common in how they treat files."""

import shutil
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterable, Iterator, List, Optional

from spacy.language import Language
from spacy.training import Example
from spacy.training.corpus import walk_corpus
from wasabi import msg

from ..corpus import read_doc_bin


class WriteError(OSError):
    """What could not be written, and why."""


def check_apart(inputs: Iterable[Path], output: Path, is_read: bool = False) -> None:
    """Make sure that no input is written over, nor what is written read.

    inputs (Iterable[Path]): What is read, files and folders.
    output (Path): What is written, a file or a folder.
    is_read (bool): Whether what has its suffix is read of a folder.
    RAISES (ValueError): Where the output is an input, or a folder with one in it, or would
        be read of a folder.
    """
    written = output.resolve()
    for path in inputs:
        read = path.resolve()
        if written in (read, *read.parents):
            raise ValueError(f"{output} cannot be input and output")
        if is_read and read in written.parents:
            raise ValueError(f"{output} would be read as input: it lies in {path}")


def check_file(path: Path) -> None:
    """Make sure that an input can be read twice.

    path (Path): What is read. One that is not there is told by what reads it.
    RAISES (ValueError): Where it is no file.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is read twice, so it must be a file, not a pipe")


@contextmanager
def replace_whole(path: Path) -> Iterator[Path]:
    """Write a file or folder beside what it is to replace, which it does when all is
    written, and not where anything goes wrong.

    path (Path): The file or folder. A folder is replaced only where it is empty.
    YIELDS (Path): Where to write. Where nothing is written there, `path` stays too.
    RAISES (WriteError): Where it can't be written, with `path`.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        # A pipe or a device can't be replaced.
        with tell_output(path):
            yield path
        return
    # A link stays one. What writes may go by the end of the name.
    real = path.resolve()
    part = real.with_name(f".part.{real.name}")
    remove(part)
    try:
        with tell_output(path, part):
            yield part
            if part.exists():
                part.replace(real)
    finally:
        remove(part)


@contextmanager
def tell_output(path: Path, part: Optional[Path] = None) -> Iterator[None]:
    """Name the file that could not be written, as the system often does not.

    path (Path): The file, as it was given.
    part (Optional[Path]): What is written in its place.
    RAISES (WriteError): Where writing failed. Errors of other files pass.
    """
    try:
        yield
    except OSError as error:
        ours = (None, str(path), str(part))
        if error.errno is None or error.filename not in ours:
            raise
        raise WriteError(error.errno, error.strerror, str(path)) from error


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there.

    path (Path): The file or folder.
    """
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def warn_of_failed(failed: Counter) -> None:
    """Warn of documents without a record, as the pipeline failed on them.

    failed (Counter): How many `load_records` has left out, by path.
    """
    n_failed = sum(failed.values())
    if n_failed:
        msg.warn(f"Documents left out, as the pipeline failed on them: {n_failed:,}")


def load_examples(
    path: Path, reader: Callable[[Language], Iterable[Example]], nlp: Language
) -> List[Example]:
    """Read all of a corpus.

    path (Path): A .spacy file, or a directory of such, for the errors.
    reader (Callable[[Language], Iterable[Example]]): What reads it.
    nlp (Language): The pipeline that tokenizes the texts.
    RETURNS (List[Example]): The examples.
    RAISES (ValueError): Where it can't be read, or has no docs.
    """
    try:
        examples = list(reader(nlp))
    except Exception as error:
        # spaCy does not say of which file.
        _check_files(path)
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}") from None
        raise
    if not examples:
        raise ValueError(f"No docs in {path}: give a .spacy file, or a directory of such")
    return examples


def _check_files(path: Path) -> None:
    for file in walk_corpus(path, ".spacy"):
        try:
            read_doc_bin(file)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
