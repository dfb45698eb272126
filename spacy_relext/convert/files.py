"""Files and lines as text, broken UTF-8 told."""

from pathlib import Path
from typing import Iterator, Sequence, Tuple, Union

from .report import DROPPED
from .source import Problem

BOM = "\ufeff"


def walk(path: Path, suffixes: Sequence[str]) -> Iterator[Path]:
    """The files of a folder, in an order that is the same each time.

    path (Path): A folder, or a file.
    suffixes (Sequence[str]): How their names end; none for all.
    YIELDS (Path): The files; the file itself, however it ends.
    """
    if not path.is_dir():
        yield path
        return
    for found in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
        wanted = not suffixes or found.suffix.lower() in suffixes
        if wanted and found.is_file() and not hidden:
            yield found


def decode(path: Path) -> Union[str, Problem]:
    """The text of a file. Line breaks and a byte order mark are kept, as offsets may count
    them.

    path (Path): The file.
    RETURNS (Union[str, Problem]): The text, or why it is none.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return find_broken(f"{path}:{line}", error)


def decode_lines(path: Path) -> Iterator[Tuple[str, Union[str, Problem]]]:
    """The lines of a file, one at a time.

    path (Path): The file.
    YIELDS (Tuple[str, Union[str, Problem]]): Place and text of those that are not empty.
    """
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            place = f"{path}:{number}"
            try:
                line = data.decode("utf8").removeprefix(BOM if number == 1 else "")
            except UnicodeDecodeError as error:
                yield place, find_broken(place, error)
                continue
            if line.strip():
                yield place, line.rstrip("\r\n")


def find_broken(place: str, error: UnicodeDecodeError) -> Problem:
    """What is told of bytes that are no UTF-8.

    place (str): Where they stand.
    error (UnicodeDecodeError): The error.
    RETURNS (Problem): The problem.
    """
    byte = error.object[error.start]
    reason = f"broken UTF-8: byte 0x{byte:02x}, {error.reason}"
    return Problem(place, "document", DROPPED, reason)
