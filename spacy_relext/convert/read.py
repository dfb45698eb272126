"""Records of a file to documents, and what its first records are."""

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
    TypeVar,
    Union,
)

from .files import BOM, walk
from .json_values import HEAD, iter_json
from .report import DROPPED
from .source import Problem, SourceDoc

JSON_SUFFIXES = (".json", ".jsonl", ".jsonlines", ".ndjson")
# Records that tell what format a file has, as the first may have nothing annotated.
N_RECORDS = 20
# What a reader raises on a record, or a part of one, of another form; the last is spaCy's,
# of a number that is too large for it.
MALFORMED = (
    KeyError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    OverflowError,
)

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


def list_each(
    groups: Iterable[Any], kind: str, place: str, problems: List[Problem]
) -> List[List[Any]]:
    """Lists of entities or relations of a record. What is none becomes a problem, and an
    empty one, so that the others keep their numbers.

    groups (Iterable[Any]): They, as the record has them.
    kind, place (str): As of `build_each`.
    problems (List[Problem]): Takes the problems.
    RETURNS (List[List[Any]]): As many lists.
    """
    lists = []
    for i, group in enumerate(groups):
        if not isinstance(group, list):
            reason = f"there is no list of index {i}, but {str(group)[:60]!r}"
            problems.append(Problem(place, kind, DROPPED, reason))
            group = []
        lists.append(group)
    return lists


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
