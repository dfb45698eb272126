"""Label Studio's JSON: a task with its text, and annotations whose results are regions of
the text and relations between them.

The annotation that is the ground truth counts, else the first that was not cancelled. A
relation to both sides is two. What is said of a region beside its labels, as a choice or a
comment, is kept beside its entity. See https://labelstud.io/guide/export.
"""

from collections import defaultdict
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

import srsly

from .read import Head, build_each, read_records
from .report import DROPPED
from .source import (
    Attribute,
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    as_offset,
)

# Under which key a result has its value, where it is not its type.
VALUES = {"textarea": "text"}


def is_label_studio(head: Head) -> bool:
    """Whether a file is of Label Studio's."""
    record = head.record
    return (
        isinstance(record, dict)
        and isinstance(record.get("data"), dict)
        and ("annotations" in record or "completions" in record)
    )


def read_label_studio(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read an export of Label Studio's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> Union[SourceDoc, Problem]:
    data = record["data"]
    annotations = record.get("annotations") or record.get("completions") or []
    annotations = [found for found in annotations if not found.get("was_cancelled")]
    if not annotations:
        reason = "it has no annotation"
        if record.get("predictions"):
            reason += "; its predictions are not read"
        return Problem(place, "document", "skipped", reason)
    truths = [found for found in annotations if found.get("ground_truth")]
    annotation = (truths or annotations)[0]
    relations: List[SourceRelation] = []
    problems: List[Problem] = []
    # By the id of the region, which may be no entity: each with the type of its result.
    said_of: Dict[str, List[Tuple[str, List[Attribute]]]] = defaultdict(list)

    def drop(kind: str, reason: str) -> None:
        problems.append(Problem(place, kind, DROPPED, reason))

    def add_relation(result: Dict[str, Any]) -> None:
        ends = (str(result["from_id"]), str(result["to_id"]))
        ways = {"left": [ends[::-1]], "bi": [ends, ends[::-1]]}
        labels = _check_list(result.get("labels") or [])
        if not labels:
            drop("relation", "it has no label")
        for head, tail in ways.get(result.get("direction", "right"), [ends]):
            relations.extend(SourceRelation(head, tail, x, place) for x in labels)

    def add_said(result: Dict[str, Any]) -> None:
        kind, value = result["type"], result["value"]
        found = value.get(VALUES.get(kind, kind), value)
        name = str(result.get("from_name", kind))
        values = found if isinstance(found, list) else [found]
        said = [(name, _as_storable(value)) for value in values]
        said_of[str(result.get("id"))].append((kind, said))

    def as_entity(result: Dict[str, Any]) -> SourceEntity:
        value = result["value"]
        labels = value.get("labels") or value.get(result["type"]) or [""]
        label, *more = _check_list(labels)
        return SourceEntity(
            id=str(result["id"]),
            start=as_offset(value["start"]),
            end=as_offset(value["end"]),
            label=label,
            place=place,
            text=value.get("text"),
            attributes=tuple(("label", other) for other in more),
        )

    for _ in annotations[1:]:
        drop("note", "a second annotation of the same text")
    results: Dict[str, List[Any]] = {"entity": [], "relation": [], "attribute": []}
    for result in annotation["result"]:
        results[_find_kind(result)].append(result)
    entities = build_each(results["entity"], as_entity, "entity", place, problems)
    build_each(results["relation"], add_relation, "relation", place, problems)
    build_each(results["attribute"], add_said, "attribute", place, problems)
    for i, entity in enumerate(entities):
        said = [x for _, attributes in said_of.pop(entity.id, ()) for x in attributes]
        entities[i] = replace(entity, attributes=(*entity.attributes, *said))
    for kind, _ in chain.from_iterable(said_of.values()):
        drop("note", f"docs have no place for a result of type {kind!r}")
    text = _find_text(data, entities)
    name = str(record.get("id", place))
    return SourceDoc(name, place, text, entities, relations, problems)


def _find_kind(result: Any) -> str:
    """What is made of a result, "entity" also of one that is malformed."""
    kind = result.get("type") if isinstance(result, dict) else None
    if kind == "relation":
        return "relation"
    if not isinstance(kind, str) or kind == "labels":
        return "entity"
    value = result.get("value")
    # Regions of an image have labels, too, but no place in a text.
    in_text = isinstance(value, dict) and {"start", "end"} <= set(value)
    return "entity" if kind.endswith("labels") and in_text else "attribute"


def _as_storable(value: Any) -> Any:
    """A value as .spacy files can hold it, which have no integers beyond 64 bits."""
    try:
        srsly.msgpack_dumps(value)
    except OverflowError:
        return str(value)
    return value


def _check_list(labels: Any) -> List[Any]:
    """A string would be a label by letter."""
    if not isinstance(labels, list):
        raise TypeError(f"labels must be a list, found: {labels!r}")
    return labels


def _find_text(data: Dict[str, Any], entities: List[SourceEntity]) -> str:
    """The text of a task: under "text", or what is long enough for its entities."""
    if isinstance(data.get("text"), str):
        return data["text"]
    end = max((entity.end for entity in entities), default=0)
    texts = [x for x in data.values() if isinstance(x, str) and len(x) >= end]
    if len(texts) != 1:
        raise ValueError(f"its text is not to be told among {', '.join(map(repr, data))}")
    return texts[0]
