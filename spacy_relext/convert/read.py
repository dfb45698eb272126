"""Files as text, as lines, or as JSON, one value after the other."""

import json
from itertools import islice
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
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
# Records that tell what format a file has, as the first may have nothing annotated.
N_RECORDS = 20
# What a reader raises on a record, or a part of one, of another form.
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError)

Found = Union[SourceDoc, Problem]
Built = TypeVar("Built")


class Head(NamedTuple):
    """What a file begins with, to tell its format by.

    path (Path): The file.
    text (str): The first characters.
    record (Any): One of the first JSON values, of an array one of its first items; None
        where there is none.
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
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = f"no JSON: {_tell_no_json(error)}"
            yield place, Problem(place, "document", DROPPED, reason)
            continue
        yield place, find_no_characters(place, line, value) or value


def find_no_characters(place: str, raw: str, value: Any) -> Optional[Problem]:
    """What of a JSON value can be no text: bytes that are no UTF-8, or half a character.

    place (str): Where it stands.
    raw (str): The value as it stands there, its bytes that are no UTF-8 as surrogates.
    value (Any): The value.
    RETURNS (Optional[Problem]): The problem, None where there is none.
    """
    try:
        raw.encode("utf8")
        # Two halves of a character make one, which the value alone shows.
        if "\\ud" in raw.lower():
            json.dumps(value, ensure_ascii=False).encode("utf8")
    except UnicodeEncodeError as error:
        found = ord(error.object[error.start])
        what = f"{chr(found)!r} is half of a character"
        if error.object is raw and 0xDC80 <= found <= 0xDCFF:
            what = f"byte 0x{found - 0xDC00:02x}"
        return Problem(place, "document", DROPPED, f"broken UTF-8: {what}")
    return None


def _tell_no_json(error: Exception) -> str:
    # Not as it tells itself, which counts lines from where the value begins.
    return getattr(error, "msg", str(error))


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
        is_array = text.lstrip()[:1] == "["
        position = text.index("[") + 1 if is_array else 0
        number += text.count("\n", 0, position)
        while True:
            start = position
            while position < len(text) and text[position] in " \t\r\n,":
                position += 1
            number += text.count("\n", start, position)
            place = f"{path}:{number}"
            if position == len(text):
                text, position = file.read(BLOCK), 0
                if text:
                    continue
                if is_array:
                    reason = "the array does not end, as if the file were cut off"
                    yield place, Problem(place, "document", DROPPED, reason)
                return
            if is_array and text[position] == "]":
                if (text[position + 1 :] + file.read(BLOCK)).strip():
                    reason = "what comes after the end of the array is not read"
                    yield place, Problem(place, "document", DROPPED, reason)
                return
            # Where all stands in one line, its number says nothing.
            place += f", item {item}" if number == last else ""
            try:
                value, end = decode(text, position)
            except (ValueError, RecursionError) as error:
                # As much again, so that a long value is not tried too often.
                more = file.read(max(BLOCK, len(text) - position))
                if not more:
                    number += text.count("\n", position, getattr(error, "pos", position))
                    reason = (
                        f"no JSON, and so is all that follows: {_tell_no_json(error)} in "
                        f"line {number}"
                    )
                    yield place, Problem(place, "document", DROPPED, reason)
                    return
                text, position = text[position:] + more, 0
                continue
            yield place, find_no_characters(place, text[position:end], value) or value
            item, last = item + 1, number
            number += text.count("\n", position, end)
            position = end
            if position > BLOCK:
                text, position = text[position:], 0


def tell_empty(path: Path, found: Iterable[Found]) -> Iterator[Found]:
    """What is found in a file, or that nothing is.

    path (Path): The file.
    found (Iterable[Union[SourceDoc, Problem]]): What is found in it.
    YIELDS (Union[SourceDoc, Problem]): The same; a problem where there is nothing.
    """
    empty = True
    for one in found:
        empty = False
        yield one
    if empty:
        yield Problem(str(path), "document", DROPPED, "there is no document in the file")


def tell_malformed(error: Exception) -> str:
    """What is wrong with a record, or a part of one.

    error (Exception): One of `MALFORMED`.
    RETURNS (str): What it says.
    """
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


def build_each(
    items: Optional[Iterable[Any]],
    build: Callable[[Any], Built],
    kind: str,
    place: str,
    problems: List[Problem],
) -> List[Built]:
    """Entities or relations of a record. One that is malformed becomes a problem, and takes
    no other with it.

    items (Optional[Iterable[Any]]): They, as the record has them; None for none.
    build (Callable[[Any], Built]): Makes one of them.
    kind (str): What they are, "entity" or "relation".
    place (str): Where the record stands.
    problems (List[Problem]): Takes the problems.
    RETURNS (List[Built]): What `build` made.
    """
    built = []
    for i, item in enumerate(items or ()):
        try:
            built.append(build(item))
        except MALFORMED as error:
            reason = f"the {kind} of index {i} is malformed: {tell_malformed(error)}"
            problems.append(Problem(place, kind, DROPPED, reason))
    return built


def build_source(
    as_source: Callable[[Any, str], Found], record: Any, place: str
) -> Found:
    """The document of a record.

    as_source (Callable[[Any, str], Union[SourceDoc, Problem]]): Makes a document of a
        record and its place. May raise `MALFORMED`.
    record (Any): The record.
    place (str): Where it stands.
    RETURNS (Union[SourceDoc, Problem]): The document, or why it is none.
    """
    if not record or not isinstance(record, dict):
        reason = "not of this format: no JSON object, or an empty one"
    else:
        try:
            return as_source(record, place)
        except MALFORMED as error:
            reason = f"not of this format: {tell_malformed(error)}"
    return Problem(place, "document", DROPPED, reason)


def read_records(
    path: Path, as_source: Callable[[Dict[str, Any], str], Found]
) -> Iterator[Found]:
    """Read files of JSON, each record a document. A record that is not of the format
    becomes a problem, and the next is read.

    path (Path): A file, or a folder of them.
    as_source (Callable[[Dict[str, Any], str], Union[SourceDoc, Problem]]): As
        `build_source` takes it.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """

    def as_sources(record: Any, place: str) -> Iterator[Found]:
        yield build_source(as_source, record, place)

    return read_items(path, as_sources)


def read_items(
    path: Path, as_sources: Callable[[Any, str], Iterable[Found]]
) -> Iterator[Found]:
    """Read files of JSON, each record some documents.

    path (Path): A file, or a folder of them.
    as_sources (Callable[[Any, str], Iterable[Union[SourceDoc, Problem]]]): Makes documents
        of a record and its place, whatever that is.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    for file in walk(path, JSON_SUFFIXES):
        yield from tell_empty(file, _read_items(file, as_sources))


def _read_items(
    path: Path, as_sources: Callable[[Any, str], Iterable[Found]]
) -> Iterator[Found]:
    for place, record in iter_json(path):
        if isinstance(record, Problem):
            yield record
        else:
            yield from as_sources(record, place)


def peek(path: Path) -> Iterator[Head]:
    """What a file begins with.

    path (Path): The file.
    YIELDS (Head): Its beginning, once for each of its first records.
    """
    with path.open("rb") as file:
        text = file.read(HEAD).decode("utf8", "ignore").removeprefix(BOM)
    if text.lstrip()[:1] not in ("[", "{"):
        yield Head(path, text, None)
        return
    for _, value in islice(iter_json(path), N_RECORDS):
        yield Head(path, text, None if isinstance(value, Problem) else value)
