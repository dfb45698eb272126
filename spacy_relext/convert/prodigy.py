"""Prodigy's `rel.manual`, JSON lines. A relation names the last token of each of its spans.

What was not accepted is skipped. See https://prodi.gy/docs/api-interfaces#relations.
"""

from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Union

from spacy.tokens import Doc, Span

from .annotations import get_annotations
from .read import Head, build_each, read_records
from .source import (
    Problem,
    SourceDoc,
    SourceEntity,
    SourceRelation,
    as_offset,
    join_words,
)
from .writers import JsonLinesWriter


def is_prodigy(head: Head) -> bool:
    """Whether a file is of Prodigy's."""
    record = head.record
    return (
        isinstance(record, dict)
        and "text" in record
        and "relations" in record
        and ("spans" in record or "_input_hash" in record)
    )


def read_prodigy(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read annotations of Prodigy's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def write_prodigy(path: Path) -> JsonLinesWriter:
    """A writer of tasks for `rel.manual`.

    path (Path): The file.
    RETURNS (JsonLinesWriter): The writer.
    """
    return JsonLinesWriter(path, _as_task)


def _as_source(record: Dict[str, Any], place: str) -> Union[SourceDoc, Problem]:
    answer = record.get("answer", "accept")
    if answer != "accept":
        return Problem(place, "document", "skipped", f"its answer is {answer!r}")
    text, tokens = record["text"], record.get("tokens") or []
    words = [token["text"] for token in tokens]
    spaces = [token.get("ws", True) for token in tokens]
    # Tokens that are not the text are of another one. And none is without a character.
    kept = bool(words) and all(words) and join_words(words, spaces)[0] == text
    ids: Dict[Any, str] = {}
    problems: List[Problem] = []

    def as_entity(indexed: Tuple[int, Dict[str, Any]]) -> SourceEntity:
        i, span = indexed
        start, end = as_offset(span["start"]), as_offset(span["end"])
        label, said = span.get("label") or "", span.get("text")
        kb_id = span.get("kb_id") or ""
        entity = SourceEntity(
            f"span {i}", start, end, label, place, text=said, kb_id=kb_id
        )
        # Several labels may have the same tokens, and several ids too.
        for key in ((start, end, label, kb_id), (start, end, label), (start, end)):
            ids.setdefault(key, entity.id)
        if "token_end" in span:
            ids.setdefault(span["token_end"], entity.id)
        return entity

    def find(relation: Dict[str, Any], end: str) -> str:
        span = relation.get(f"{end}_span") or {}
        offsets: Tuple[Any, Any] = (span.get("start"), span.get("end"))
        label, kb_id = span.get("label") or "", span.get("kb_id") or ""
        for key in ((*offsets, label, kb_id), (*offsets, label), offsets):
            if key in ids:
                return ids[key]
        return ids.get(relation[end]) or f"token {relation[end]}"

    def as_relation(r: Dict[str, Any]) -> SourceRelation:
        head, tail, label = find(r, "head"), find(r, "child"), r.get("label") or ""
        score = r.get("score")
        return SourceRelation(head, tail, label, place, 1.0 if score is None else score)

    spans = enumerate(record.get("spans") or ())
    entities = build_each(spans, as_entity, "entity", place, problems)
    relations = build_each(
        record.get("relations"), as_relation, "relation", place, problems
    )
    meta = record.get("meta") or {}
    name = meta.get("id") or meta.get("source") if isinstance(meta, dict) else None
    return SourceDoc(
        id=str(name or place),
        place=place,
        text=text,
        entities=entities,
        relations=relations,
        problems=problems,
        words=words if kept else None,
        spaces=spaces if kept else None,
        has_relations=record.get("relations") is not None,
    )


def _as_task(doc: Doc, position: int) -> Dict[str, Any]:
    found = get_annotations(doc)
    tokens = [
        {
            "text": token.text,
            "start": token.idx,
            "end": token.idx + len(token),
            "id": token.i,
            "ws": bool(token.whitespace_),
        }
        for token in doc
    ]
    relations = [
        {
            "head": relation.head.end - 1,
            "child": relation.tail.end - 1,
            "head_span": _as_span(relation.head),
            "child_span": _as_span(relation.tail),
            "label": relation.label,
            "score": relation.score,
        }
        for relation in found.relations
    ]
    return {
        "text": doc.text,
        "tokens": tokens,
        "spans": [_as_span(span) for span in found.mentions],
        "relations": relations,
        "meta": {"id": found.name or str(position)},
    }


def _as_span(span: Span) -> Dict[str, Any]:
    return {
        "text": span.text,
        "start": span.start_char,
        "end": span.end_char,
        "token_start": span.start,
        "token_end": span.end - 1,
        "label": span.label_,
        # Not a field of Prodigy's, which keeps what it does not know.
        "kb_id": span.kb_id_,
    }
