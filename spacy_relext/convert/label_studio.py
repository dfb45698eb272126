"""Label Studio's JSON: a task with its text, and annotations whose results are regions of
the text and relations between them.

The first annotation that was not cancelled counts. A relation to both sides is two.
See https://labelstud.io/guide/export.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Union

from .read import Head, build_each, read_records
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation


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
        return Problem(place, "document", "skipped", "it has no annotation")
    entities: List[SourceEntity] = []
    relations: List[SourceRelation] = []
    problems: List[Problem] = []

    def drop(kind: str, reason: str) -> None:
        problems.append(Problem(place, kind, DROPPED, reason))

    def add_relation(result: Dict[str, Any]) -> None:
        ends = (str(result["from_id"]), str(result["to_id"]))
        ways = {"left": [ends[::-1]], "bi": [ends, ends[::-1]]}
        labels = result.get("labels") or []
        if not labels:
            drop("relation", "it has no label")
        for head, tail in ways.get(result.get("direction", "right"), [ends]):
            relations.extend(SourceRelation(head, tail, x, place) for x in labels)

    def add_region(result: Dict[str, Any]) -> None:
        value = result.get("value") or {}
        if result["type"] != "labels" and not {"start", "end"} <= set(value):
            drop("note", f"docs have no place for a result of type {result['type']!r}")
            return
        label, *more = value.get("labels") or value.get(result["type"]) or [""]
        entity = SourceEntity(
            id=str(result["id"]),
            start=int(value["start"]),
            end=int(value["end"]),
            label=label,
            place=place,
            text=value.get("text"),
            attributes=tuple(("label", other) for other in more),
        )
        entities.append(entity)

    for _ in annotations[1:]:
        drop("note", "a second annotation of the same text")
    results: Dict[bool, List[Dict[str, Any]]] = {True: [], False: []}
    for result in annotations[0]["result"]:
        is_relation = isinstance(result, dict) and result.get("type") == "relation"
        results[is_relation].append(result)
    build_each(results[False], add_region, "entity", place, problems)
    build_each(results[True], add_relation, "relation", place, problems)
    text = _find_text(data, entities)
    name = str(record.get("id", place))
    return SourceDoc(name, place, text, entities, relations, problems)


def _find_text(data: Dict[str, Any], entities: List[SourceEntity]) -> str:
    """The text of a task: under "text", or what is long enough for its entities."""
    if isinstance(data.get("text"), str):
        return data["text"]
    end = max((entity.end for entity in entities), default=0)
    texts = [x for x in data.values() if isinstance(x, str) and len(x) >= end]
    if len(texts) != 1:
        raise ValueError(f"its text is not to be told among {', '.join(map(repr, data))}")
    return texts[0]
