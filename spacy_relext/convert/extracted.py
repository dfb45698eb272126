"""The records of `spacy relext extract`, JSON lines."""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

from spacy.tokens import Doc

from ..records import as_record, complete_relation
from ..user_data import SYMMETRIC_KEY
from .annotations import get_annotations
from .read import Head, build_each, read_records
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation
from .spacy_docs import get_entity_groups
from .writers import JsonLinesWriter


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


def _as_source(record: Dict[str, Any], place: str) -> Union[SourceDoc, Problem]:
    if "error" in record:
        reason = f"the pipeline failed on it: {record['error']}"
        return Problem(place, "document", DROPPED, reason)
    problems: List[Problem] = []
    cluster_of: Dict[str, str] = {}

    def as_entity(e: Dict[str, Any]) -> SourceEntity:
        return SourceEntity(
            str(e["id"]),
            e["start"],
            e["end"],
            e["label"],
            place,
            text=e.get("text"),
            kb_id=e.get("kb_id", ""),
            cluster=cluster_of.get(str(e["id"]), ""),
        )

    def as_relation(r: Dict[str, Any]) -> SourceRelation:
        complete_relation(r)

        def as_mentions(role: str) -> Tuple[str, ...]:
            ids = tuple(str(id_) for id_ in r[f"{role}_mentions"])
            if str(r[role]) not in ids:
                raise ValueError(f"{role!r} is none of its mentions: {r[role]!r}")
            for id_ in ids if len(ids) > 1 else ():
                cluster_of.setdefault(id_, "entity of " + ", ".join(ids))
            return ids

        evidence = tuple((x["start"], x["end"]) for x in r["evidence"])
        sentence = r.get("sentence") and (r["sentence"]["start"], r["sentence"]["end"])
        return SourceRelation(
            str(r["head"]),
            str(r["tail"]),
            r["label"],
            place,
            r.get("score", 1.0),
            as_mentions("head"),
            as_mentions("tail"),
            evidence,
            r.get("symmetric", False),
            sentence,
        )

    # Relations come first: they tell which mentions are of one entity.
    relations = build_each(
        record.get("relations"), as_relation, "relation", place, problems
    )
    entities = build_each(record["entities"], as_entity, "entity", place, problems)
    name = str(record.get("id") or place)
    return SourceDoc(
        name,
        place,
        record["text"],
        entities,
        relations,
        problems,
        has_relations=record.get("relations") is not None,
    )


def _as_line(doc: Doc, position: int) -> Dict[str, Any]:
    name = get_annotations(doc).name
    keys = (None, *get_entity_groups(doc))
    symmetric = doc.user_data.get(SYMMETRIC_KEY, ())
    return dict(
        as_record(
            doc,
            id=name or str(position),
            source=name,
            spans_keys=keys,
            symmetric_labels=symmetric,
        )
    )
