"""TACRED's JSON, Re-TACRED's too: tokens, a subject and an object by tokens with the end
included, and what relates them. See https://nlp.stanford.edu/projects/tacred."""

from pathlib import Path
from typing import Any, Dict, Iterator, Union

from .read import Head, read_records
from .source import Problem, SourceDoc
from .tokens import TokenDoc

NO_RELATION = "no_relation"


def is_tacred(head: Head) -> bool:
    """Whether a file is of TACRED's."""
    return isinstance(head.record, dict) and {"token", "subj_start"} <= set(head.record)


def read_tacred(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of TACRED's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The sentences, and what is none.
    """
    return read_records(path, _as_source)


def _as_source(record: Dict[str, Any], place: str) -> SourceDoc:
    doc = TokenDoc(str(record.get("id", place)), place, record["token"])
    for end in ("subj", "obj"):
        first, last = record[f"{end}_start"], record[f"{end}_end"]
        doc.add_entity(end, first, last, record[f"{end}_type"], end_included=True)
    if record["relation"] != NO_RELATION:
        doc.add_relation("subj", "obj", record["relation"])
    return doc.as_source()
