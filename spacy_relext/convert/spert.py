"""SpERT's JSON: tokens, entities by tokens with the end exclusive, relations by the index
of their entities. See https://github.com/lavis-nlp/spert."""

from pathlib import Path
from typing import Any, Dict, Iterator, Tuple, Union

from .read import Head, build_each, read_records
from .source import Problem, SourceDoc
from .tokens import TokenDoc


def is_spert(head: Head) -> bool:
    """Whether a file is of SpERT's."""
    return isinstance(head.record, dict) and {"tokens", "entities"} <= set(head.record)


def read_spert(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of SpERT's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    doc = TokenDoc(str(record.get("orig_id", place)), place, record["tokens"])

    def add_entity(indexed: Tuple[int, Dict[str, Any]]) -> None:
        i, entity = indexed
        doc.add_entity(str(i), entity["start"], entity["end"], entity["type"])

    def add_relation(relation: Dict[str, Any]) -> None:
        doc.add_relation(str(relation["head"]), str(relation["tail"]), relation["type"])

    build_each(enumerate(record["entities"]), add_entity, "entity", place, doc.problems)
    build_each(record.get("relations"), add_relation, "relation", place, doc.problems)
    return doc.as_source(has_relations=record.get("relations") is not None)
