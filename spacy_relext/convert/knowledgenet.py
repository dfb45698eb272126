"""Passages with relations between spans of characters, JSON lines, as KnowledgeNet has
them: [head start, head end, tail start, tail end, label]."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Union

from .read import Head, read_records
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation

# It gives entities no type.
ENTITY = "ENTITY"


def is_knowledgenet(head: Head) -> bool:
    """Whether a file is like KnowledgeNet's."""
    record = head.record
    return (
        isinstance(record, dict)
        and isinstance(record.get("text"), str)
        and isinstance(record.get("relations"), list)
        and "entities" not in record
        and "spans" not in record
        and all(isinstance(found, list) for found in record["relations"])
        and ("annotated_properties" in record or bool(record["relations"]))
    )


def read_knowledgenet(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read passages as KnowledgeNet has them.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The passages, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    entities: Dict[str, SourceEntity] = {}
    relations: List[SourceRelation] = []
    problems: List[Problem] = []
    for head_start, head_end, tail_start, tail_end, label in record["relations"]:
        ids = []
        for start, end in ((head_start, head_end), (tail_start, tail_end)):
            id = f"{start}–{end}"
            entities.setdefault(id, SourceEntity(id, start, end, ENTITY, place))
            ids.append(id)
        relations.append(SourceRelation(*ids, label, place))
    if "annotated_properties" in record:
        reason = "docs have no place for the properties that a passage was annotated for"
        problems.append(Problem(place, "note", DROPPED, reason))
    name = str(record.get("doc", place))
    if "passage_start" in record:
        name += f"#{record['passage_start']}"
    found = list(entities.values())
    return SourceDoc(name, place, record["text"], found, relations, problems)
