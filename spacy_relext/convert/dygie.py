"""DyGIE++ and SciERC, JSON lines: sentences of tokens; entities, relations, clusters and
events by the document's tokens with the end included.

The trigger of an event is related to each of its arguments, by role.
See https://github.com/dwadden/dygiepp/blob/master/doc/data.md.
"""

from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, List, Union

from ..grouping import CLUSTERS_PREFIX
from .read import Head, build_each, list_each, read_records
from .source import Problem, SourceDoc
from .tokens import TokenDoc, join_sentences


def is_dygie(head: Head) -> bool:
    """Whether a file is of DyGIE++'s."""
    record = head.record
    return isinstance(record, dict) and "sentences" in record and "ner" in record


def read_dygie(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of DyGIE++'s.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    sentences = record["sentences"]
    name = str(record.get("doc_key", place))
    doc = TokenDoc(name, place, join_sentences(sentences))
    start = 0
    for sentence in sentences:
        doc.add_sentence(start)
        start += len(sentence)
    clusters = {
        f"{CLUSTERS_PREFIX}_{i}": [(first, last) for first, last in mentions]
        for i, mentions in enumerate(record.get("clusters") or (), 1)
    }
    cluster_of: Dict[str, str] = {}
    for key, mentions in clusters.items():
        for mention in mentions:
            # Of several the first, as an entity has one; the clusters tell all.
            cluster_of.setdefault(_name(*mention), key)
    known = set()

    def add_entity(found: List[Any]) -> None:
        first, last, label, *_ = found
        id = _name(first, last)
        doc.add_entity(
            # Of a second label for the same tokens both are told.
            id if id not in known else f"{id} {label}",
            first,
            last,
            label,
            end_included=True,
            cluster=cluster_of.get(id, ""),
        )
        known.add(id)

    def add_relation(found: List[Any]) -> None:
        one, two, three, four, label, *_ = found
        doc.add_relation(_name(one, two), _name(three, four), label)

    def add_event(event: List[Any]) -> None:
        trigger, *arguments = event
        # One token, or the first and the last.
        tokens = [part for part in trigger if isinstance(part, int)]
        first, last = tokens[0], tokens[-1]
        if _name(first, last) not in known:
            label = next((part for part in trigger if isinstance(part, str)), "")
            doc.add_entity(_name(first, last), first, last, label, end_included=True)
            known.add(_name(first, last))
        for start, end, role, *_ in arguments:
            doc.add_relation(_name(first, last), _name(start, end), role)

    for key, kind, add in (
        ("ner", "entity", add_entity),
        ("relations", "relation", add_relation),
        ("events", "relation", add_event),
    ):
        lists = list_each(record.get(key) or (), kind, place, doc.problems)
        build_each(chain.from_iterable(lists), add, kind, place, doc.problems)
    for key, mentions in clusters.items():
        doc.add_cluster(key, mentions, end_included=True)
    # Either makes relations.
    told = (record.get(key) for key in ("relations", "events"))
    return doc.as_source(has_relations=any(found is not None for found in told))


def _name(first: int, last: int) -> str:
    return f"tokens {first}–{last}"
