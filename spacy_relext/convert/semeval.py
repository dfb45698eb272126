"""SemEval-2010 Task 8: a numbered sentence in quotes with two nominals marked, the label of
its relation in the line below, then a comment and an empty line.

A relation starts at the nominal that its label names first; `Other` is no relation. Of a
sentence with none below, as in a test file without labels, nobody annotated any.
"""

import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple, Union

from .files import decode_lines, walk
from .read import Head, tell_empty
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation

SUFFIXES = (".txt",)
NOMINAL = "NOMINAL"
OTHER = "Other"
COMMENT = "Comment"
SENTENCE = re.compile(r'(\d+)\t"?(.*?)"?\s*')
MENTIONS = re.compile(r"(.*)<e1>(.*)</e1>(.*)<e2>(.*)</e2>(.*)")
MARK = re.compile(r"</?e[12]>")
LABEL = re.compile(r"([\w-]+)\((e[12]),(e[12])\)")

Line = Tuple[str, str]


def is_semeval(head: Head) -> bool:
    """Whether a file is of SemEval's task."""
    first = head.text.lstrip().split("\n", 1)[0]
    match = SENTENCE.fullmatch(first)
    return bool(match and MENTIONS.fullmatch(match[2]))


def read_semeval(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of SemEval's task.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The sentences, and what is none.
    """
    for file in walk(path, SUFFIXES):
        yield from tell_empty(file, _read_file(file))


def _read_file(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    sentence: Optional[Line] = None
    for place, line in decode_lines(path):
        if isinstance(line, Problem):
            yield line
        elif SENTENCE.fullmatch(line):
            if sentence:
                yield _as_source(*sentence)
            sentence = (place, line)
        elif sentence:
            is_comment = line.startswith(COMMENT)
            yield _as_source(*sentence, None if is_comment else line.strip())
            sentence = None
        elif not line.startswith(COMMENT):
            reason = f"no numbered sentence: {line[:60]!r}"
            yield Problem(place, "document", DROPPED, reason)
    if sentence:
        yield _as_source(*sentence)


def _as_source(
    place: str, line: str, label: Optional[str] = None
) -> Union[SourceDoc, Problem]:
    number, sentence = SENTENCE.fullmatch(line).groups()
    parts = MENTIONS.fullmatch(sentence)
    text = "".join(parts.groups()) if parts else sentence
    if not parts or MARK.search(text):
        reason = "expected a sentence with <e1> and <e2> marked, each once"
        return Problem(place, "document", DROPPED, reason)
    entities = []
    for id, i in (("e1", 2), ("e2", 4)):
        start = len("".join(parts.groups()[: i - 1]))
        end = start + len(parts[i])
        entities.append(SourceEntity(id, start, end, NOMINAL, place, text=parts[i]))
    relations: List[SourceRelation] = []
    problems: List[Problem] = []
    found = LABEL.fullmatch(label or "")
    if found:
        relations.append(SourceRelation(found[2], found[3], found[1], place))
    elif label not in (OTHER, None):
        reason = f"no label with its direction in the line below: {label!r}"
        problems.append(Problem(place, "relation", DROPPED, reason))
    return SourceDoc(
        number,
        place,
        text,
        entities,
        relations,
        problems,
        has_relations=label is not None,
    )
