"""brat standoff: NAME.txt with the text, NAME.ann with what is annotated in it.

What brat says beyond entities and binary relations: an attribute is kept beside its entity,
a normalisation becomes its `kb_id`, an event a relation from its trigger to each argument,
by its role without a number, an equivalence of several a chain of relations. See
https://brat.nlplab.org/standoff.html.
"""

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from .check import find_fault
from .files import BOM, decode, walk
from .read import Head
from .report import DROPPED
from .source import Attribute, Problem, SourceDoc, SourceEntity, SourceRelation

SUFFIXES = (".ann",)

LINE = re.compile(r"([TREAMN#*]\S*)\t")
LINE_BEGIN = re.compile(r"[TREAMN#]\d+\s|\*\s")
# No text has a place with more digits, and Python reads no number of thousands.
PLACE = r"\d{1,18} \d{1,18}"
ENTITY = re.compile(rf"(\S+) ({PLACE}(?:;{PLACE})*)")
# What brat calls the arguments of a binary relation; by these names, or in this order.
ARGUMENT = re.compile(r"([^\s:]+):(\S+)")
# brat numbers the roles of an event that are given more than once: Theme, Theme2.
NUMBER = re.compile(r"(?<=\D)\d+$")
# brat wants the name of a knowledge base before an id of it.
KB_PREFIX = "KB:"
KIND = {"T": "entity", "R": "relation", "E": "relation", "*": "relation"}
KIND.update({"A": "attribute", "M": "attribute", "N": "attribute", "#": "note"})


class Line(NamedTuple):
    """A line of standoff: its id, what stands in its other columns, and where it is."""

    id: str
    columns: List[str]
    place: str


def is_brat(head: Head) -> bool:
    """Whether a file is of brat's."""
    return head.path.suffix in SUFFIXES


def read_brat(path: Path) -> Iterator[Any]:
    """Read a folder of brat's, or one .ann file.

    path (Path): The folder or file.
    YIELDS (Union[SourceDoc, Problem]): The documents, and files that are none.
    """
    for ann_path in walk(path, SUFFIXES):
        text_path = ann_path.with_suffix(".txt")
        if not text_path.is_file():
            reason = f"there is no {text_path.name!r} beside it"
            yield Problem(str(ann_path), "document", DROPPED, reason)
            continue
        text, annotation = decode(text_path), decode(ann_path)
        bad = next((x for x in (text, annotation) if isinstance(x, Problem)), None)
        if bad is not None:
            yield bad
            continue
        lines, problems = _split(annotation.removeprefix(BOM), ann_path)
        yield _Standoff(lines, problems).as_source(ann_path.stem, str(ann_path), text)


def _split(annotation: str, path: Path) -> Tuple[List[Line], List[Problem]]:
    """The lines. What begins as none belongs to the text of the entity before, as long as
    that is shorter than its offsets say: it had a line break in it."""
    lines: List[Line] = []
    problems = []
    for number, text in enumerate(annotation.split("\n"), 1):
        if not text.strip():
            continue
        place = f"{path}:{number}"
        match = LINE.match(text)
        if match:
            lines.append(Line(match[1], text[match.end() :].split("\t"), place))
        elif lines and _is_cut_off(lines[-1]):
            lines[-1].columns[-1] += f"\n{text}"
        else:
            # One whose tab is lost, say, is still of a kind.
            kind = KIND[text[0]] if LINE_BEGIN.match(text) else "note"
            reason = f"not a line of brat standoff: {text[:60]!r}"
            problems.append(Problem(place, kind, DROPPED, reason))
    return lines, problems


def _is_cut_off(line: Line) -> bool:
    """Whether it is an entity whose text is shorter than its offsets say."""
    match = ENTITY.fullmatch(line.columns[0].strip())
    if line.id[0] != "T" or not match or len(line.columns) < 2:
        return False
    offsets = [int(x) for x in re.findall(r"\d+", match[2])]
    return len(line.columns[-1]) < sum(offsets[1::2]) - sum(offsets[::2])


class _Standoff:
    """The annotations of one document, by kind."""

    def __init__(self, lines: List[Line], problems: List[Problem]):
        self.problems = problems
        self.entities: Dict[str, SourceEntity] = {}
        self.doubles: List[SourceEntity] = []
        self.relations: List[SourceRelation] = []
        # Each with its place, as they may be of an entity that is not there.
        self.attributes: Dict[str, List[Tuple[Attribute, str]]] = defaultdict(list)
        self.triggers: Dict[str, str] = {}
        # Whatever names an entity or an event may come before it.
        named = {"T": self._read_entity, "E": self._read_trigger}
        others = {
            "R": self._read_relation,
            "E": self._read_event,
            "*": self._read_equivalence,
            "A": self._read_attribute,
            "M": self._read_attribute,
            "N": self._read_normalization,
            "#": self._read_note,
        }
        for readers in (named, others):
            for line in lines:
                if line.id[0] in readers:
                    readers[line.id[0]](line)

    def as_source(self, id: str, place: str, text: str) -> SourceDoc:
        text, found = _skip_mark(text, [*self.entities.values(), *self.doubles])
        entities = []
        for entity in found:
            attributes = self.attributes.pop(entity.id, ())
            entities.append(
                replace(
                    entity,
                    # Where the pieces have but space between them it is one.
                    gaps=entity.gaps and _leaves_out(text, entity),
                    attributes=tuple(attribute for attribute, _ in attributes),
                )
            )
        for target, said in self.attributes.items():
            for (name, _), where in said:
                reason = f"{name!r} is of {target!r}, which is no entity"
                self.problems.append(Problem(where, "attribute", DROPPED, reason))
        return SourceDoc(id, place, text, entities, self.relations, self.problems)

    def _drop(self, line: Line, reason: str, n: int = 1) -> None:
        kind = KIND[line.id[0]]
        self.problems.extend([Problem(line.place, kind, DROPPED, reason)] * n)

    def _read_entity(self, line: Line) -> None:
        match = ENTITY.fullmatch(line.columns[0].strip())
        if not match:
            self._drop(line, f"no label and offsets: {line.columns[0]!r}")
            return
        offsets = [int(x) for x in re.findall(r"\d+", match[2])]
        entity = SourceEntity(
            id=line.id,
            start=offsets[0],
            end=offsets[-1],
            label=match[1],
            place=line.place,
            text=line.columns[1] if len(line.columns) > 1 else None,
            gaps=len(offsets) > 2,
        )
        if line.id in self.entities:
            self.doubles.append(entity)
        else:
            self.entities[line.id] = entity

    def _read_relation(self, line: Line) -> None:
        label, *rest = line.columns[0].split(" ", 1)
        arguments, others = _split_arguments(rest[0] if rest else "")
        ends = dict(arguments)
        if not len(arguments) == len(ends) == 2:
            self._drop(line, f"no label and two arguments: {line.columns[0]!r}")
            return
        self._tell_others(line, others)
        # By their names Arg1 and Arg2, whatever their order.
        names = sorted(ends) if all(x.startswith("Arg") for x in ends) else list(ends)
        head, tail = (self._resolve(ends[name]) for name in names)
        self.relations.append(SourceRelation(head, tail, label, line.place))

    def _read_equivalence(self, line: Line) -> None:
        label, *members = line.columns[0].split() or [""]
        if len(members) < 2:
            self._drop(line, f"no label and two members: {line.columns[0]!r}")
            return
        members = list(map(self._resolve, members))
        for head, tail in zip(members, members[1:]):
            self.relations.append(SourceRelation(head, tail, label, line.place))
        if len(members) > 2:
            reason = f"{len(members)} members are related one with the next"
            self.problems.append(Problem(line.place, "relation", "made a chain", reason))

    def _read_trigger(self, line: Line) -> None:
        match = ARGUMENT.match(line.columns[0])
        if match:
            self.triggers[line.id] = match[2]

    def _read_event(self, line: Line) -> None:
        if not ARGUMENT.match(line.columns[0]):
            self._drop(line, f"no event with a trigger: {line.columns[0]!r}")
            return
        ((_, head), *arguments), others = _split_arguments(line.columns[0])
        self._tell_others(line, others)
        for role, target in arguments:
            tail, label = self._resolve(target), NUMBER.sub("", role)
            self.relations.append(SourceRelation(head, tail, label, line.place))
        reason = "its trigger is related to each argument"
        self.problems.append(Problem(line.place, "relation", "made of an event", reason))

    def _tell_others(self, line: Line, others: List[str]) -> None:
        if others:
            reason = f"no argument, as in role:id: {' '.join(others)!r}"
            self.problems.append(Problem(line.place, "note", DROPPED, reason))

    def _resolve(self, id: str) -> str:
        return self.triggers.get(id, id)

    def _read_attribute(self, line: Line) -> None:
        name, *rest = line.columns[0].split() or [""]
        if not rest:
            self._drop(line, f"no name and entity: {line.columns[0]!r}")
            return
        value = " ".join(rest[1:]) or True
        self.attributes[self._resolve(rest[0])].append(((name, value), line.place))

    def _read_normalization(self, line: Line) -> None:
        parts = line.columns[0].split()
        entity = self.entities.get(self._resolve(parts[1])) if len(parts) > 2 else None
        if entity is None:
            self._drop(line, f"no entity and id: {line.columns[0]!r}")
        elif entity.kb_id:
            self._drop(line, f"its entity has the id {entity.kb_id!r} already")
        else:
            self.entities[entity.id] = replace(
                entity, kb_id=parts[2].removeprefix(KB_PREFIX)
            )

    def _read_note(self, line: Line) -> None:
        self._drop(line, "docs have no place for notes")


def _split_arguments(said: str) -> Tuple[List[Tuple[str, ...]], List[str]]:
    """Role and id of each argument, and what is none."""
    found = [(part, ARGUMENT.fullmatch(part)) for part in said.split()]
    arguments = [match.groups() for _, match in found if match]
    return arguments, [part for part, match in found if not match]


def _skip_mark(
    text: str, entities: List[SourceEntity]
) -> Tuple[str, List[SourceEntity]]:
    """A text and its entities without a byte order mark. Offsets of brat's count it, and
    those of a text that an editor gave one do not, so the texts of the entities tell."""
    if not text.startswith(BOM):
        return text, entities
    text = text.removeprefix(BOM)
    moved = [
        replace(
            entity,
            start=max(0, entity.start - 1),
            end=max(0, entity.end - 1),
            text=entity.text and entity.text.removeprefix(BOM),
        )
        for entity in entities
    ]
    counted, not_counted = (
        sum(not find_fault(text, entity) for entity in found) for found in (moved, entities)
    )
    return text, moved if counted > not_counted else entities


def _leaves_out(text: str, entity: SourceEntity) -> bool:
    found = "".join(text[entity.start : entity.end].split())
    return entity.text is None or found != "".join(entity.text.split())
