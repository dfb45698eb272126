"""Files as text, as lines, or as JSON, one value after the other."""

import json
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    NamedTuple,
    Sequence,
    Tuple,
    Union,
)

from .report import DROPPED
from .source import Problem, SourceDoc

BOM = "\ufeff"
# Characters read at a time.
BLOCK = 1 << 20
# Characters that tell what format a file has.
HEAD = 1 << 16
JSON_SUFFIXES = (".json", ".jsonl", ".jsonlines", ".ndjson")


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
    that memory stays flat whatever the size of the file. One value alone may take several
    lines.

    path (Path): The file.
    YIELDS (Tuple[str, Any]): Place and value; a Problem for what is no JSON.
    """
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        begin = file.read(HEAD).lstrip()[:1]
    if begin == "[" or (begin == "{" and not _begins_with_line(path)):
        yield from _iter_values(path)
        return
    for place, line in decode_lines(path):
        if isinstance(line, Problem):
            yield place, line
            continue
        try:
            yield place, json.loads(line)
        except (ValueError, RecursionError) as error:
            yield place, Problem(place, "document", DROPPED, f"no JSON: {error}")


def _begins_with_line(path: Path) -> bool:
    """Whether the first line is a JSON value, as each is in a JSON lines file."""
    _, line = next(decode_lines(path))
    # What ends with its own bracket is one, if perhaps a broken one.
    return isinstance(line, Problem) or line.rstrip().endswith("}")


def _iter_values(path: Path) -> Iterator[Tuple[str, Any]]:
    """The items of an array, or values one after the other, over any number of lines."""
    decode = json.JSONDecoder().raw_decode
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        number, text, item, last = 1, file.read(BLOCK), 0, 0
        # What comes before the first item, and between two.
        position = text.index("[") + 1 if text.lstrip()[:1] == "[" else 0
        number += text.count("\n", 0, position)
        while True:
            start = position
            while position < len(text) and text[position] in " \t\r\n,":
                position += 1
            number += text.count("\n", start, position)
            if position == len(text):
                text, position = file.read(BLOCK), 0
                if text:
                    continue
                return
            if text[position] == "]":
                return
            # Where all stands in one line, its number says nothing.
            place = f"{path}:{number}" + (f", item {item}" if number == last else "")
            try:
                value, end = decode(text, position)
            except (ValueError, RecursionError) as error:
                # As much again, so that a long value is not tried too often.
                more = file.read(max(BLOCK, len(text) - position))
                if not more:
                    reason = f"no JSON, and so is all that follows: {error}"
                    yield place, Problem(place, "document", DROPPED, reason)
                    return
                text, position = text[position:] + more, 0
                continue
            item, last = item + 1, number
            number += text.count("\n", position, end)
            position = end
            yield place, value
            if position > BLOCK:
                text, position = text[position:], 0


def read_records(
    path: Path, as_source: Callable[[Dict[str, Any], str], Union[SourceDoc, Problem]]
) -> Iterator[Union[SourceDoc, Problem]]:
    """Read files of JSON, each record a document. A record that is not of the format
    becomes a problem, and the next is read.

    path (Path): A file, or a folder of them.
    as_source (Callable[[Dict[str, Any], str], Union[SourceDoc, Problem]]): Makes a document
        of a record and its place. May raise what a record of another form raises.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_items(path, lambda record, place: [as_source(record, place)])


def read_items(
    path: Path,
    as_sources: Callable[[Dict[str, Any], str], Iterable[Union[SourceDoc, Problem]]],
) -> Iterator[Union[SourceDoc, Problem]]:
    """Read files of JSON, each record some documents.

    path (Path): A file, or a folder of them.
    as_sources (Callable): Makes documents of a record and its place, as in read_records.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    for file in walk(path, JSON_SUFFIXES):
        if not file.stat().st_size:
            yield Problem(str(file), "document", DROPPED, "the file is empty")
        for place, record in iter_json(file):
            if isinstance(record, Problem):
                yield record
                continue
            if not record or not isinstance(record, dict):
                reason = "not of this format: no JSON object, or an empty one"
                yield Problem(place, "document", DROPPED, reason)
                continue
            try:
                yield from as_sources(record, place)
            except KeyError as error:
                reason = f"not of this format: there is no {error}"
                yield Problem(place, "document", DROPPED, reason)
            except (TypeError, ValueError, IndexError, AttributeError) as error:
                reason = f"not of this format: {error}"
                yield Problem(place, "document", DROPPED, reason)


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
