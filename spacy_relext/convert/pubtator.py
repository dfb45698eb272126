"""PubTator: NUMBER|t|title, NUMBER|a|abstract, then mentions and relations, a line each,
with tabs; an empty line between documents.

Relations hold between ids of a knowledge base. Each is given to those mentions that stand
closest to each other, and has all of them; `doc.spans` has all mentions of each id, too.
A mention of several things, `A|B`, is one of each that has no other. `-1` is no id. Whether
a relation is novel (BioRED), and how the parts of a mention read, docs have no place for.
"""

import re
from pathlib import Path
from typing import Dict, Iterator, List, Tuple, Union

from .files import decode_lines, walk
from .read import Head, tell_empty
from .report import DROPPED
from .source import Problem, SourceDoc, SourceEntity, SourceRelation

TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
SUFFIXES = (".txt", ".pubtator")
# No text has a place with more digits, and Python reads no number of thousands.
NUMBER = re.compile(r"-?\d{1,18}")
NO_ID = ("-1", "-", "")

Line = Tuple[str, str]


def is_pubtator(head: Head) -> bool:
    """Whether a file is of PubTator's."""
    return bool(re.match(r"\s*[^|\t\n]+\|t\|", head.text))


def read_pubtator(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    """Read a file of PubTator's.

    path (Path): A file, or a folder of them.
    YIELDS (Union[SourceDoc, Problem]): The documents, and what is none.
    """
    for file in walk(path, SUFFIXES):
        yield from tell_empty(file, _read_file(file))


def _read_file(path: Path) -> Iterator[Union[SourceDoc, Problem]]:
    lines: List[Line] = []
    name = None
    for place, line in decode_lines(path):
        if isinstance(line, Problem):
            yield line
            continue
        match = TEXT.fullmatch(line)
        if match and lines and (match[2] == "t" or match[1] != name):
            yield _as_source(lines)
            lines = []
        name = match[1] if match else name
        lines.append((place, line))
    if lines:
        yield _as_source(lines)


def _as_source(lines: List[Line]) -> Union[SourceDoc, Problem]:
    place = lines[0][0]
    texts: Dict[str, str] = {}
    entities: List[SourceEntity] = []
    ends: List[Tuple[str, str, str, str]] = []
    problems: List[Problem] = []
    name = ""
    for place_of, line in lines:
        match = TEXT.fullmatch(line)
        if match:
            name = match[1]
            if match[2] in texts:
                reason = f"the document has an abstract already: {line[:60]!r}"
                problems.append(Problem(place_of, "note", DROPPED, reason))
            else:
                texts[match[2]] = match[3]
            continue
        columns = line.split("\t")
        is_mention = len(columns) >= 5 and all(map(NUMBER.fullmatch, columns[1:3]))
        kind = "entity" if is_mention else "relation" if len(columns) >= 4 else "note"
        if kind == "note":
            reason = f"neither a mention nor a relation: {line[:60]!r}"
            problems.append(Problem(place_of, kind, DROPPED, reason))
            continue
        if columns[0] != name:
            reason = f"it is of document {columns[0]!r}, and stands in {name!r}"
            problems.append(Problem(place_of, kind, DROPPED, reason))
            continue
        more = "\t".join(columns[6 if is_mention else 4 :]).strip()
        if more:
            reason = f"docs have no place for what else stands in its line: {more!r}"
            problems.append(Problem(place_of, "note", DROPPED, reason))
        if is_mention:
            kb_id = columns[5].strip() if len(columns) > 5 else ""
            kb_id = "" if kb_id in NO_ID else kb_id
            entities.append(
                SourceEntity(
                    id=f"mention {len(entities)}",
                    start=int(columns[1]),
                    end=int(columns[2]),
                    label=columns[4],
                    place=place_of,
                    text=columns[3],
                    kb_id=kb_id,
                    cluster=kb_id,
                )
            )
        else:
            ends.append((columns[2], columns[3].strip(), columns[1], place_of))
    if "t" not in texts:
        return Problem(place, "document", DROPPED, "no line with a title, as in 1|t|Title")
    clusters = dict.fromkeys(entity.cluster for entity in entities if entity.cluster)
    # One thing of several that are mentioned at once, by the first mention that is of the
    # fewest others.
    parts: Dict[str, str] = {}
    for whole in sorted(clusters, key=_count_things):
        for part in _split(whole):
            parts.setdefault(part, whole)

    def find(id: str) -> str:
        return id if id in clusters else parts.get(id, id)

    relations = [
        SourceRelation(find(head), find(tail), label, place_of)
        for head, tail, label, place_of in ends
    ]
    text = " ".join(texts[part] for part in "ta" if part in texts)
    return SourceDoc(name, place, text, entities, relations, problems)


def _split(whole: str) -> List[str]:
    return [part for part in re.split(r"[|;]", whole) if part not in NO_ID]


def _count_things(whole: str) -> int:
    return len(_split(whole))
