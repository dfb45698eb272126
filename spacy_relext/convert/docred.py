"""DocRED's JSON, Re-DocRED's too: sentences of tokens, entities with all their mentions,
relations between entities.

A relation is given to those mentions of its two entities that stand closest to each other,
and has all of them, and its evidence; `doc.spans` has all mentions of each entity, too. See https://github.com/thunlp/DocRED.
"""

from itertools import accumulate
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple, Union

from .read import Head, build_each, list_each, read_records
from .source import Problem, SourceDoc, is_int
from .tokens import TokenDoc, join_sentences


def is_docred(head: Head) -> bool:
    """Whether a file is of DocRED's."""
    return isinstance(head.record, dict) and {"vertexSet", "sents"} <= set(head.record)


def read_docred(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of DocRED's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    sents = record["sents"]
    name = str(record.get("title", place))
    doc = TokenDoc(name, place, join_sentences(sents))
    starts = [0, *accumulate(len(sent) for sent in sents)]
    for start in starts[:-1]:
        doc.add_sentence(start)

    def add_mention(named: Tuple[str, str, Dict[str, Any]]) -> None:
        id, cluster, mention = named
        sent_id, (start, end) = mention["sent_id"], mention["pos"]
        if not all(map(is_int, (sent_id, start, end))):
            raise TypeError(
                f"tokens {start!r}–{end!r} of sentence {sent_id!r} are no whole numbers"
            )
        if sent_id not in range(len(sents)):
            raise ValueError(f"there is no sentence {sent_id}, but {len(sents)}")
        offset, length = starts[sent_id], len(sents[sent_id])
        if not 0 <= start < end <= length:
            raise ValueError(
                f"tokens {start}–{end}, end excluded, are not within sentence {sent_id}, "
                f"which has {length}"
            )
        bounds = offset + start, offset + end
        doc.add_entity(id, *bounds, mention["type"], cluster=cluster)

    def add_relation(label: Dict[str, Any]) -> None:
        named = label.get("evidence") or ()
        # One without a token is not there either.
        there = range(len(sents))
        known = [i for i in named if is_int(i) and i in there and sents[i]]
        if len(known) < len(named):
            doc.note(f"evidence in sentences that are not there: {named}")
        evidence = [(starts[i], starts[i + 1]) for i in known]
        ends = f"entity {label['h']}", f"entity {label['t']}"
        doc.add_relation(*ends, label["r"], evidence)

    vertices = list_each(record["vertexSet"], "entity", place, doc.problems)
    mentions = (
        (f"{i}_{j}", f"entity {i}", mention)
        for i, vertex in enumerate(vertices)
        for j, mention in enumerate(vertex)
    )
    build_each(mentions, add_mention, "entity", place, doc.problems)
    build_each(record.get("labels"), add_relation, "relation", place, doc.problems)
    # The test split has no labels, which is not to say that nothing is related.
    return doc.as_source(has_relations=record.get("labels") is not None)
