"""KnowledgeNet's JSON lines: documents, each with passages that were considered for
annotation, and facts in them by the document's characters; and passages on their own, whose
relations are lists [head start, head end, tail start, tail end, label].

A passage becomes a doc, as of what stands between them nobody annotated anything. It was
annotated for some properties, the others being unknown, which docs have no place for; where
it was for none, its relations are not annotated.
See https://github.com/diffbot/knowledge-net.
"""

import re
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Union

from .read import Head, build_each, build_source, read_items
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation, is_int

# It gives entities no type.
ENTITY = "ENTITY"
# What ids of entities begin with.
WIKIDATA = "http://www.wikidata.org/entity/"
# The property of a fact as it is told to people: <subject> <property> <object>.
NAME = re.compile(r"> <([^<>]+)> <")

Ends = Tuple[SourceEntity, SourceEntity, str]


def is_knowledgenet(head: Head) -> bool:
    """Whether a file is like KnowledgeNet's."""
    record = head.record
    if not isinstance(record, dict):
        return False
    if "documentText" in record and isinstance(record.get("passages"), list):
        return True
    return (
        isinstance(record.get("text"), str)
        and isinstance(record.get("relations"), list)
        and "entities" not in record
        and "spans" not in record
        and all(isinstance(found, list) for found in record["relations"])
        and ("annotated_properties" in record or bool(record["relations"]))
    )


def read_knowledgenet(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read documents or passages as KnowledgeNet has them.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The passages, and what is none.
    """
    return read_items(path, _as_sources)


def _as_sources(record: Any, place: str) -> Iterator[Union[SourceDoc, Problem]]:
    if not isinstance(record, dict) or "passages" not in record:
        yield build_source(_as_source, record, place)
        return
    passages = record["passages"]
    if not isinstance(passages, list) or not passages:
        yield Problem(place, "document", DROPPED, "there is no list of passages, or none")
        return
    as_passage = partial(_as_passage, name=str(record.get("documentId", place)))
    found = [
        build_source(as_passage, passage, f"{place}, passage {i}")
        for i, passage in enumerate(passages)
    ]
    outside = str(record.get("documentText") or "")
    for passage, source in zip(passages, found):
        if isinstance(source, SourceDoc):
            start = passage["passageStart"]
            end = start + len(source.text)
            outside = outside[:start] + " " * len(outside[start:end]) + outside[end:]
    if outside.strip():
        reason = "what stands outside of the passages of a document"
        yield Problem(place, "note", DROPPED, reason)
    yield from found


def _as_passage(passage: Dict[str, Any], place: str, name: str) -> SourceDoc:
    shift = passage["passageStart"]
    if not is_int(shift) or shift < 0:
        raise ValueError(f"'passageStart' is no offset: {shift!r}")
    properties = passage.get("exhaustivelyAnnotatedProperties") or []
    names = {found["propertyId"]: found.get("propertyName") for found in properties}

    def read_entity(fact: Dict[str, Any], role: str) -> SourceEntity:
        return _make_entity(
            fact[f"{role}Start"] - shift,
            fact[f"{role}End"] - shift,
            place,
            text=fact.get(f"{role}Text") or None,
            kb_id=(fact.get(f"{role}Uri") or "").removeprefix(WIKIDATA),
        )

    def read_fact(fact: Dict[str, Any]) -> Ends:
        told = NAME.search(fact.get("humanReadable") or "")
        id = fact["propertyId"]
        label = names.get(id) or (told[1] if told else str(id))
        return read_entity(fact, "subject"), read_entity(fact, "object"), label

    text, facts = passage["passageText"], passage.get("facts")
    return _build(f"{name}#{shift}", place, text, facts, read_fact, properties)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    def read_relation(found: List[Any]) -> Ends:
        head_start, head_end, tail_start, tail_end, label = found
        head = _make_entity(head_start, head_end, place)
        return head, _make_entity(tail_start, tail_end, place), label

    name = str(record.get("doc", place))
    if "passage_start" in record:
        name += f"#{record['passage_start']}"
    text, found = record["text"], record["relations"]
    properties = record.get("annotated_properties")
    return _build(name, place, text, found, read_relation, properties)


def _make_entity(start: int, end: int, place: str, **more: Any) -> SourceEntity:
    return SourceEntity(f"{start}–{end}", start, end, ENTITY, place, **more)


def _build(
    name: str,
    place: str,
    text: str,
    items: Optional[List[Any]],
    read: Callable[[Any], Ends],
    properties: Optional[List[Any]],
) -> SourceDoc:
    """The document of a passage.

    items (Optional[List[Any]]): Its relations, None where nobody annotated any.
    read (Callable[[Any], Tuple[SourceEntity, SourceEntity, str]]): Reads one.
    properties (Optional[List[Any]]): What it was annotated for, None where it is not said.
    """
    entities: Dict[str, SourceEntity] = {}
    problems: List[Problem] = []

    def as_relation(item: Any) -> SourceRelation:
        *ends, label = read(item)
        relation = SourceRelation(ends[0].id, ends[1].id, label, place)
        for entity in ends:
            known = entities.setdefault(entity.id, entity)
            if not known.kb_id:
                entities[entity.id] = entity
            elif entity.kb_id not in ("", known.kb_id):
                reason = f"another id of a mention: {entity.kb_id!r}"
                problems.append(Problem(place, "note", DROPPED, reason))
        return relation

    relations = build_each(items, as_relation, "relation", place, problems)
    if properties:
        reason = "docs have no place for the properties that a passage was annotated for"
        problems.append(Problem(place, "note", DROPPED, reason))
    return SourceDoc(
        name,
        place,
        text,
        list(entities.values()),
        relations,
        problems,
        has_relations=items is not None
        and (properties is None or bool(properties or items)),
    )
