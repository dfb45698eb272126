"""SpERT's JSON: tokens, entities by tokens with the end exclusive, relations by the index
of their entities. See https://github.com/lavis-nlp/spert."""

from pathlib import Path
from typing import Any, Dict, Iterator, Union

from .read import Head, read_records
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
    for i, entity in enumerate(record["entities"]):
        doc.add_entity(str(i), entity["start"], entity["end"], entity["type"])
    for relation in record.get("relations", []):
        doc.add_relation(str(relation["head"]), str(relation["tail"]), relation["type"])
    return doc.as_source()
