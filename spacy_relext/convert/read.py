"""Files as text, as lines, or as JSON, one value after the other."""

import json
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence, Tuple, Union

from .report import DROPPED
from .source import Problem

BOM = "\ufeff"
# Characters read at a time.
BLOCK = 1 << 20
# Characters that tell what format a file has.
HEAD = 1 << 16


class Head(NamedTuple):
    """What a file begins with, to tell its format by.

    path (Path): The file.
    text (str): The first characters.
    record (Any): The first JSON value, of an array its first item; None where it is none.
    """

    path: Path
    text: str
    record: Any


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
    """The text of a file. Line breaks are kept as they are, as offsets count them.

    path (Path): The file.
    RETURNS (Union[str, Problem]): The text without a byte order mark, or why it is none.
    """
    data = path.read_bytes()
    try:
        return data.decode("utf8").removeprefix(BOM)
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


def iter_json(path: Path) -> Iterator[Tuple[str, Any]]:
    """The values of a JSON lines file, or the items of a JSON array, one at a time, so
    that memory stays flat whatever the size of the file.

    path (Path): The file.
    YIELDS (Tuple[str, Any]): Place and value; a Problem for what is no JSON.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        begin = file.read(HEAD).lstrip()[:1]
    if begin == "[":
        yield from _iter_array(path)
        return
    for place, line in decode_lines(path):
        if isinstance(line, Problem):
            yield place, line
            continue
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, Problem(place, "document", DROPPED, f"no JSON: {error}")


def _iter_array(path: Path) -> Iterator[Tuple[str, Any]]:
    decode = json.JSONDecoder().raw_decode
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        number, text = 1, file.read(BLOCK)
        # What comes before the first item, and between two.
        position = text.index("[") + 1
        number += text.count("\n", 0, position)
        while True:
            start = position
            while position < len(text) and text[position] in " \t\r\n,":
                position += 1
            number += text.count("\n", start, position)
            if position < len(text) and text[position] == "]":
                return
            place = f"{path}:{number}"
            try:
                value, end = decode(text, position)
            except (ValueError, RecursionError) as error:
                more = file.read(BLOCK)
                if not more:
                    reason = f"no JSON, and so is all that follows: {error}"
                    yield place, Problem(place, "document", DROPPED, reason)
                    return
                text, position = text[position:] + more, 0
                continue
            number += text.count("\n", position, end)
            position = end
            yield place, value
            if position > BLOCK:
                text, position = text[position:], 0


def peek(path: Path) -> Head:
    """What a file begins with.

    path (Path): The file.
    RETURNS (Head): Its beginning.
    """
    with path.open("rb") as file:
        text = file.read(HEAD).decode("utf8", "ignore").removeprefix(BOM)
    record = None
    if text.lstrip()[:1] in ("[", "{"):
        record = next((value for _, value in iter_json(path)), None)
    return Head(path, text, None if isinstance(record, Problem) else record)
