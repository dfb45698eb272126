"""FewRel's JSON: for each label its sentences, with a head and a tail that are linked to
Wikidata; and the JSON lines that OpenNRE makes of it and of other corpora, of tokens or of
raw text.

See https://github.com/thunlp/FewRel.
"""

from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from .read import Head, build_source, read_items
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation, is_int
from .tokens import TokenDoc

# FewRel gives entities no type.
ENTITY = "ENTITY"
NO_RELATION = ("NA", "Other", "no_relation")


def is_fewrel(head: Head) -> bool:
    """Whether a file is of FewRel's."""
    record = head.record
    if not isinstance(record, dict):
        return False
    first = next(iter(record.values()), None)
    if isinstance(first, list) and first and isinstance(first[0], dict):
        record = first[0]
    return {"h", "t"} <= set(record)


def read_fewrel(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of FewRel's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The sentences, and what is none.
    """
    return read_items(path, _as_sources)


def _as_sources(record: Any, place: str) -> Iterator[Union[SourceDoc, Problem]]:
    if not isinstance(record, dict) or not record or "h" in record:
        yield build_source(_as_source, record, place)
        return
    for label, instances in record.items():
        if not isinstance(instances, list):
            reason = f"not of this format: {label!r} has no list of sentences"
            yield Problem(place, "document", DROPPED, reason)
            continue
        for i, instance in enumerate(instances):
            labelled = partial(_as_source, label=label)
            yield build_source(labelled, instance, f"{place}, {label} {i}")


def _as_source(
    instance: Dict[str, Any], place: str, label: Optional[str] = None
) -> SourceDoc:
    label = instance["relation"] if label is None else label
    # OpenNRE looks for a text first, and counts in characters if there is one.
    if "text" in instance and isinstance(instance["h"], dict):
        return _as_source_of_text(instance, place, label)
    doc = TokenDoc(place, place, instance.get("tokens") or instance["token"])
    for end in ("h", "t"):
        name, kb_id, tokens = _read_end(instance[end])
        # Of several mentions the first; the relation may be said with any.
        start, stop, gaps = tokens[0]
        doc.add_entity(end, start, stop, ENTITY, kb_id=kb_id, gaps=gaps)
        for _ in tokens[1:]:
            doc.note("another mention of the head or tail")
    if label not in NO_RELATION:
        doc.add_relation("h", "t", label)
    return doc.as_source()


def _as_source_of_text(instance: Dict[str, Any], place: str, label: str) -> SourceDoc:
    entities = []
    for end in ("h", "t"):
        _, kb_id, [(start, stop, _)] = _read_end(instance[end])
        entities.append(SourceEntity(end, start, stop, ENTITY, place, kb_id=kb_id))
    relations = []
    if label not in NO_RELATION:
        relations.append(SourceRelation("h", "t", label, place))
    return SourceDoc(place, place, instance["text"], entities, relations)


def _read_end(end: Any) -> Tuple[str, str, List[Tuple[int, int, bool]]]:
    """Name, id, and tokens, or characters, of each mention, end exclusive, with whether it
    leaves out some."""
    if isinstance(end, dict):
        start, stop = end["pos"]
        return end.get("name", ""), str(end.get("id") or ""), [(start, stop, False)]
    name, kb_id, mentions = end
    for tokens in mentions:
        if not all(map(is_int, tokens)):
            raise TypeError(f"tokens are no whole numbers: {tokens!r}")
    return name, kb_id, [
        (tokens[0], tokens[-1] + 1, tokens[-1] - tokens[0] >= len(tokens))
        for tokens in mentions
    ]
