"""The records of `spacy relext extract`, JSON lines."""

from pathlib import Path
from typing import Any, Dict, Iterator, Union

from spacy.tokens import Doc

from ..records import as_record
from .read import Head, read_records
from .source import Problem, SourceDoc, SourceEntity, SourceRelation
from .spacy_docs import get_entity_groups
from .writers import JsonLinesWriter, get_annotations


def is_extracted(head: Head) -> bool:
    """Whether a file is of `spacy relext extract`."""
    record = head.record
    return isinstance(record, dict) and {"text", "source", "entities"} <= set(record)


def read_extracted(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read records.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def write_extracted(path: Path) -> JsonLinesWriter:
    """A writer of records.

    path (Path): The file.
    RETURNS (JsonLinesWriter): The writer.
    """
    return JsonLinesWriter(path, _as_line)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    entities = [
        SourceEntity(
            str(e["id"]),
            e["start"],
            e["end"],
            e["label"],
            place,
            text=e.get("text"),
            kb_id=e.get("kb_id", ""),
        )
        for e in record["entities"]
    ]
    relations = [
        SourceRelation(
            str(r["head"]), str(r["tail"]), r["label"], place, r.get("score", 1.0)
        )
        for r in record.get("relations", [])
    ]
    name = str(record.get("id") or place)
    return SourceDoc(name, place, record["text"], entities, relations)


def _as_line(doc: Doc, position: int) -> Dict[str, Any]:
    name = get_annotations(doc).name
    keys = (None, *get_entity_groups(doc))
    return dict(as_record(doc, id=name or str(position), source=name, spans_keys=keys))
