"""DocRED's JSON, Re-DocRED's too: sentences of tokens, entities with all their mentions,
relations between entities.

A relation is given to those mentions of its two entities that stand closest to each other,
and has all of them, and its evidence; `doc.spans` has all mentions of each entity, too. See https://github.com/thunlp/DocRED.
"""

from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple, Union

from .read import Head, build_each, read_records
from .source import Problem, SourceDoc
from .tokens import TokenDoc


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
    doc = TokenDoc(name, place, list(chain.from_iterable(sents)))
    starts = [0, *accumulate(len(sent) for sent in sents)]
    for start in starts[:-1]:
        doc.add_sentence(start)

    def add_mention(named: Tuple[str, str, Dict[str, Any]]) -> None:
        id, cluster, mention = named
        offset = starts[mention["sent_id"]]
        start, end = (offset + position for position in mention["pos"])
        doc.add_entity(id, start, end, mention["type"], cluster=cluster)

    def add_relation(label: Dict[str, Any]) -> None:
        named = label.get("evidence") or ()
        # One without a token is not there either.
        known = [i for i in named if i in range(len(sents)) and sents[i]]
        if len(known) < len(named):
            doc.note(f"evidence in sentences that are not there: {named}")
        evidence = [(starts[i], starts[i + 1]) for i in known]
        ends = f"entity {label['h']}", f"entity {label['t']}"
        doc.add_relation(*ends, label["r"], evidence)

    mentions = (
        (f"{i}_{j}", f"entity {i}", mention)
        for i, vertex in enumerate(record["vertexSet"])
        for j, mention in enumerate(vertex)
    )
    build_each(mentions, add_mention, "entity", place, doc.problems)
    build_each(record.get("labels"), add_relation, "relation", place, doc.problems)
    # The test split has no labels, which is not to say that nothing is related.
    return doc.as_source(has_relations="labels" in record)
