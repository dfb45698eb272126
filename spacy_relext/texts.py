"""Texts out of files, one after the other, and what could not be read of them."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from .text_files import COLUMNS, JSON_LINES, Fault, find_files, tell_unreadable

BOM = "\ufeff"

QUOTING = "Is a quotation mark not closed, or one within a text not doubled?"

# What tells the output of another run from texts.
RECORD = {"model", "entities", "relations"}

# Longest document, in characters; so many times as many bytes is the longest line of one,
# with all that stands beside the text. A quotation mark that is never closed, or a file
# without line breaks, would otherwise take all the rest of a file into memory.
MAX_CHARS = 10_000_000
MAX_BYTES = 10 * MAX_CHARS


class Text(NamedTuple):
    """A document: `source` is its file and, where that holds several, its line; `id`
    is its own, or else the same."""

    id: str
    source: str
    text: str


class Note(NamedTuple):
    """What was read, but perhaps not as it was meant: where, and why."""

    source: str
    reason: str


Found = Union[Text, Fault, Note]


def read_texts(
    paths: Iterable[Path],
    *,
    lines: bool = False,
    text_field: str = "text",
    id_field: Optional[str] = None,
    leave_out: Optional[Path] = None,
) -> Iterator[Found]:
    """Read documents, in an order that is the same each time. A plain text file is one
    document; a JSON object on a line, or a row of a table, is one too.

    paths (Iterable[Path]): Files, and directories to be searched for files.
    lines (bool): Whether each line of a plain text file is a document.
    text_field (str): Where the text is in JSON objects and tables.
    id_field (Optional[str]): Where the id of the document is, if it has one: a string or
        a whole number. None for "id", which a file need not have.
    leave_out (Optional[Path]): A file that is not to be read from a directory.
    YIELDS (Found): The documents, and what is none, each where it stands; notes at the
        end of the file that they are of.
    """
    for path in find_files(paths, leave_out):
        if isinstance(path, Fault):
            yield path
            continue
        suffix = path.suffix.lower()
        try:
            ids = _Ids(id_field)
            if suffix in JSON_LINES:
                found = _read_json_lines(path, text_field, ids)
            elif suffix in COLUMNS:
                found = _read_table(path, text_field, ids)
            elif lines:
                found = _read_lines(path)
            else:
                found = _read_file(path)
            empty = True
            for text in found:
                empty = False
                yield _check(text) if isinstance(text, Text) else text
            if empty:
                yield Fault(path.as_posix(), "no document in it")
            yield from ids.tell(path)
        except OSError as error:
            yield Fault(path.as_posix(), tell_unreadable(error))


class _Ids:
    """Finds the ids of a file's documents, and what is wrong with them."""

    def __init__(self, field: Optional[str]):
        self.field = "id" if field is None else field
        self._must_be = field is not None
        self._n_docs = self._n_given = self._n_bad = 0
        self._first_bad = ""

    def get(self, fields: Mapping[str, Any], source: str) -> str:
        """The id of a document: its source where it has none of its own."""
        found = fields.get(self.field)
        self._n_docs += 1
        if found is None or found == "":
            return source
        self._n_given += 1
        # As pandas writes all of them where one is missing.
        if isinstance(found, float) and found.is_integer():
            return str(int(found))
        if isinstance(found, (str, int)) and not isinstance(found, bool):
            return str(found)
        self._n_bad += 1
        self._first_bad = self._first_bad or f"{_shorten(json.dumps(found))} at {source}"
        return source

    def tell(self, path: Path) -> Iterator[Note]:
        """Notes on a file, once all its documents are read."""
        if self._n_bad:
            yield Note(
                path.as_posix(),
                f"{self._n_bad} ids that are no string or whole number, the first "
                f"{self._first_bad}. File and line name such a document",
            )
        if self._must_be and self._n_docs and not self._n_given:
            reason = f"no document has an id under {self.field!r}; file and line name it"
            yield Note(path.as_posix(), reason)


def _read_file(path: Path) -> Iterator[Union[Text, Fault]]:
    source = path.as_posix()
    size = path.stat().st_size
    if size > MAX_BYTES:
        reason = f"too long for one document, {size:,} bytes; --lines makes one of each line"
        yield Fault(source, reason)
        return
    data = path.read_bytes()
    try:
        text = data.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        yield Fault(f"{source}:{number}", _tell_broken(error))
    else:
        yield Text(source, source, text.replace("\r\n", "\n"))


def _decode_lines(path: Path) -> Iterator[Tuple[str, Union[str, Fault]]]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, MAX_BYTES), b""), 1):
            source = f"{path.as_posix()}:{number}"
            if len(line) == MAX_BYTES and not line.endswith(b"\n"):
                yield source, Fault(source, f"too long a line, over {MAX_BYTES:,} bytes")
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_BYTES)
                continue
            try:
                text = line.decode("utf-8").removeprefix(BOM if number == 1 else "").strip()
            except UnicodeDecodeError as error:
                yield source, Fault(source, _tell_broken(error))
            else:
                if text:
                    yield source, text


def _read_lines(path: Path) -> Iterator[Union[Text, Fault]]:
    for source, line in _decode_lines(path):
        yield line if isinstance(line, Fault) else Text(source, source, line)


def _read_json_lines(path: Path, text_field: str, ids: _Ids) -> Iterator[Found]:
    n_records = 0
    for source, line in _decode_lines(path):
        if isinstance(line, Fault):
            yield line
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Fault(source, f"no JSON: {error}")
            continue
        if not isinstance(found, dict):
            yield Fault(source, f"no JSON object, but: {_shorten(line)}")
        elif not isinstance(found.get(text_field), str):
            yield Fault(
                source,
                f"no string under {text_field!r}; its fields: {_shorten(_list(found))}",
            )
        else:
            n_records += RECORD <= found.keys()
            yield Text(ids.get(found, source), source, found[text_field])
    if n_records:
        reason = f"{n_records} records that `relext extract` wrote are read as texts"
        yield Note(path.as_posix(), reason)


def _read_table(path: Path, text_field: str, ids: _Ids) -> Iterator[Union[Text, Fault]]:
    delimiter = COLUMNS[path.suffix.lower()]
    # Bytes that are no UTF-8 become surrogates, which `_check` finds in their row.
    options = {"encoding": "utf-8-sig", "errors": "surrogateescape", "newline": ""}
    csv.field_size_limit(MAX_CHARS)
    with path.open(**options) as file:
        # Strict, or a quotation mark that is never closed makes one text of all the rest.
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        header = None
        while True:
            first = reader.line_num + 1
            source = f"{path.as_posix()}:{first}"
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # It reads on for the end of a quotation, and all that is lost.
                last = f"-{reader.line_num}" if reader.line_num > first else ""
                yield Fault(f"{source}{last}", f"no row of a table: {error}. {QUOTING}")
                continue
            if not any(row):
                continue
            if header is None:
                header = row
                if text_field not in header:
                    yield Fault(
                        source,
                        f"no column {text_field!r}; its columns, separated by "
                        f"{delimiter!r}: {_shorten(_list(header))}",
                    )
                    return
                for name in (text_field, ids.field):
                    if header.count(name) > 1:
                        yield Fault(source, f"more than one column {name!r}")
                        return
                continue
            if len(row) > len(header):
                yield Fault(
                    source,
                    f"{len(row)} columns, where the header has {len(header)}. Is a text "
                    f"with {delimiter!r} in it not between quotation marks?",
                )
                continue
            fields = dict(zip(header, row))
            if text_field not in fields:
                yield Fault(
                    source, f"{len(row)} columns, too few for one named {text_field!r}"
                )
            else:
                yield Text(ids.get(fields, source), source, fields[text_field])


def _check(text: Text) -> Union[Text, Fault]:
    """What every document has to be, however it was stored."""
    if not text.text.strip():
        return Fault(text.source, "no text in it")
    if len(text.text) > MAX_CHARS:
        reason = f"too long for one document, {len(text.text):,} characters"
        return Fault(text.source, reason)
    try:
        f"{text.id}{text.text}".encode("utf-8")
    except UnicodeEncodeError as error:
        found = error.object[error.start]
        return Fault(text.source, f"broken UTF-8: {found!r} is no character")
    return text


def _tell_broken(error: UnicodeDecodeError) -> str:
    return f"broken UTF-8: byte 0x{error.object[error.start]:02x}, {error.reason}"


def _list(names: Collection[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _shorten(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
