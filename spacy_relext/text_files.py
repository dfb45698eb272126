"""Which files may hold texts, and what is passed over of a directory."""

import os
from collections import Counter
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Union

# By how a file ends: what separates its columns, or how its texts lie in it.
COLUMNS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PLAIN = (".txt", ".text", ".md")
READ = (*PLAIN, *JSON_LINES, *COLUMNS)
READ_ONLY = f"files that end in {', '.join(READ)} are"


class Fault(NamedTuple):
    """What could not be read: where, and why."""

    source: str
    reason: str


def find_files(
    paths: Iterable[Path], leave_out: Optional[Path] = None
) -> Iterator[Union[Path, Fault]]:
    """Find the files that may hold texts, in an order that is the same each time.

    paths (Iterable[Path]): Files, and directories to be searched for files. Links to
        directories within them are not followed.
    leave_out (Optional[Path]): A file that is not to be taken from a directory.
    YIELDS (Union[Path, Fault]): The files, and what is passed over.
    """
    for path in paths:
        if path.is_dir():
            empty = True
            for found in _search(path, leave_out):
                empty = False
                yield found
            if empty:
                yield Fault(path.as_posix(), "no file to read in it")
        elif path.suffix.lower() in READ:
            yield check_input(path)
        else:
            yield Fault(path.as_posix(), f"not read: {READ_ONLY}")


def check_input(path: Path) -> Union[Path, Fault]:
    """Make sure that a file can be read, twice too, and told of in the output.

    path (Path): The file.
    RETURNS (Union[Path, Fault]): The file, or why it is not read.
    """
    source = path.as_posix()
    # What is not there, or in a folder that is closed, is told by what reads it.
    if os.path.exists(path) and not os.path.isfile(path):
        return Fault(source, "not read: no file, but a folder, pipe or device")
    try:
        source.encode("utf-8")
    except UnicodeEncodeError:
        return Fault(source, "not read: its name is no UTF-8, give it another")
    return path


def tell_unreadable(error: OSError) -> str:
    """What is told of what the system does not let be read.

    error (OSError): The error.
    RETURNS (str): The reason.
    """
    return f"cannot be read: {error.strerror}"


def _search(path: Path, leave_out: Optional[Path]) -> Iterator[Union[Path, Fault]]:
    errors: List[OSError] = []
    for folder, folders, names in os.walk(path, onerror=errors.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for link in filter(Path.is_symlink, (Path(folder, name) for name in folders)):
            reason = "not read: a link to a folder, to be given as an input itself"
            yield Fault(link.as_posix(), reason)
        others = Counter()
        for name in sorted(name for name in names if not name.startswith(".")):
            file = Path(folder, name)
            if file.suffix.lower() not in READ:
                others[file.suffix or name] += 1
            elif leave_out is None or not _is_same(file, leave_out):
                yield check_input(file)
        if others:
            kinds = ", ".join(f"{kind} ({n})" for kind, n in sorted(others.items()))
            yield Fault(Path(folder).as_posix(), f"not read: {kinds}; {READ_ONLY}")
    for error in errors:
        yield Fault(Path(error.filename).as_posix(), tell_unreadable(error))


def _is_same(path: Path, other: Path) -> bool:
    return path.name == other.name and path.resolve() == other.resolve()
