"""Passages with relations between spans of characters, JSON lines, as KnowledgeNet has
them: [head start, head end, tail start, tail end, label]."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Union

from .read import Head, build_each, read_records
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
    problems: List[Problem] = []

    def as_relation(found: List[Any]) -> SourceRelation:
        head_start, head_end, tail_start, tail_end, label = found
        relation = SourceRelation(
            f"{head_start}–{head_end}", f"{tail_start}–{tail_end}", label, place
        )
        ends = [
            SourceEntity(relation.head, head_start, head_end, ENTITY, place),
            SourceEntity(relation.tail, tail_start, tail_end, ENTITY, place),
        ]
        for entity in ends:
            entities.setdefault(entity.id, entity)
        return relation

    relations = build_each(record["relations"], as_relation, "relation", place, problems)
    if "annotated_properties" in record:
        reason = "docs have no place for the properties that a passage was annotated for"
        problems.append(Problem(place, "note", DROPPED, reason))
    name = str(record.get("doc", place))
    if "passage_start" in record:
        name += f"#{record['passage_start']}"
    found = list(entities.values())
    return SourceDoc(name, place, record["text"], found, relations, problems)
