"""doccano's JSON lines of sequence labelling: entities by characters, relations by the ids of
their entities. In a project without relations an entity is a list of its start, its end and
its label. See https://doccano.github.io/doccano."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

from spacy.tokens import Doc

from ..entities import as_stored_key
from .annotations import get_annotations
from .read import Head, build_each, read_records
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation, as_offset
from .writers import JsonLinesWriter

# Where the entities are; in a project without relations, and in one of an old version.
ENTITIES = ("entities", "label", "labels")


def is_doccano(head: Head) -> bool:
    """Whether a file is of doccano's."""
    record = head.record
    if not isinstance(record, dict) or "text" not in record:
        return False
    entities = _get_entities(record)
    first = entities[0] if isinstance(entities, list) and entities else None
    if isinstance(first, list):
        return [type(part) for part in first] == [int, int, str]
    return isinstance(first, dict) and "start_offset" in first


def read_doccano(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of doccano's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def write_doccano(path: Path) -> JsonLinesWriter:
    """A writer of what doccano imports.

    path (Path): The file.
    RETURNS (JsonLinesWriter): The writer.
    """
    return JsonLinesWriter(path, _as_line)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    problems: List[Problem] = []

    def as_entity(indexed: Tuple[int, Any]) -> SourceEntity:
        i, e = indexed
        if isinstance(e, dict):
            id, start, end, label = e["id"], e["start_offset"], e["end_offset"], e["label"]
        else:
            id, (start, end, label) = i, e
        return SourceEntity(str(id), as_offset(start), as_offset(end), label, place)

    def as_relation(r: Dict[str, Any]) -> SourceRelation:
        return SourceRelation(str(r["from_id"]), str(r["to_id"]), r["type"], place)

    found = enumerate(_get_entities(record) or ())
    entities = build_each(found, as_entity, "entity", place, problems)
    relations = build_each(
        record.get("relations"), as_relation, "relation", place, problems
    )
    for _ in record.get("Comments") or ():
        problems.append(Problem(place, "note", DROPPED, "docs have no place for comments"))
    name = str(record.get("id", place))
    return SourceDoc(
        name,
        place,
        record["text"],
        entities,
        relations,
        problems,
        has_relations=record.get("relations") is not None,
    )


def _get_entities(record: Dict[str, Any]) -> Any:
    return next((record[key] for key in ENTITIES if key in record), None)


def _as_line(doc: Doc, position: int) -> Dict[str, Any]:
    found = get_annotations(doc)
    return {
        "id": found.name or position,
        "text": doc.text,
        "entities": [
            {
                "id": i,
                "label": span.label_,
                "start_offset": span.start_char,
                "end_offset": span.end_char,
            }
            for i, span in enumerate(found.mentions)
        ],
        "relations": [
            {
                "id": i,
                "from_id": found.ids[as_stored_key(relation.head)],
                "to_id": found.ids[as_stored_key(relation.tail)],
                "type": relation.label,
            }
            for i, relation in enumerate(found.relations)
        ],
    }
