"""Read the mark-up of corpus/*.txt and write a .spacy file.

The mark-up is explained in the README of the project.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

import spacy
import typer
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from tqdm import tqdm
from wasabi import msg

from spacy_relext import Relation, set_relations

ENTITY = re.compile(r"\[([^\[\]]+)\]\(([^\s()]+)(?: +([^\s()]+))?\)")
RELATION = re.compile(r"(.+?) +-([^\s>]+)-> +(.+)")


class Line(NamedTuple):
    """A line of a file, and where it stands."""

    place: str
    text: str

    def error(self, message: str) -> ValueError:
        return ValueError(f"{self.place}: {message}")


class Entity(NamedTuple):
    start: int
    end: int
    text: str
    type: str
    id: Optional[str]


def main(
    inputs: List[Path] = typer.Argument(..., help="Text files with mark-up", exists=True),
    output: Path = typer.Option(..., help="The .spacy file to write"),
    linked: bool = typer.Option(
        False, help="Whether ids of entities are those of a knowledge base"
    ),
) -> None:
    """Convert marked-up text to spaCy's format."""
    nlp = spacy.blank("en")
    try:
        docs = list(read_docs(nlp, inputs, linked))
    except ValueError as error:
        msg.fail("Error in the mark-up", str(error), exits=1)
    output.parent.mkdir(parents=True, exist_ok=True)
    # Relations live in user_data, which a DocBin drops unless told otherwise.
    DocBin(docs=docs, store_user_data=True).to_disk(output)
    print_counts(output, docs)


def print_counts(output: Path, docs: List[Doc]) -> None:
    """Print what a file holds.

    output (Path): The file.
    docs (List[Doc]): Its docs.
    """
    n_sents = sum(len(list(doc.sents)) for doc in docs)
    types = Counter(ent.label_ for doc in docs for ent in doc.ents)
    labels = Counter(relation.label for doc in docs for relation in doc._.relations)
    msg.good(
        f"{output}: {len(docs)} documents, {n_sents} sentences, "
        f"{sum(types.values())} entities, {sum(labels.values())} relations"
    )
    rows = [("entity", *row) for row in sorted(types.items())]
    rows += [("relation", *row) for row in sorted(labels.items())]
    msg.table(rows, header=("", "Label", "Count"), divider=True, aligns=("l", "l", "r"))


def read_docs(nlp: Language, paths: List[Path], linked: bool = False) -> Iterator[Doc]:
    """The docs of some files.

    nlp (Language): The pipeline whose tokenizer is used.
    paths (List[Path]): The files.
    linked (bool): Whether ids of entities are those of a knowledge base.
    YIELDS (Doc): One doc a document, with entities, relations and sentences.
    RAISES (ValueError): At the first line that is not as it should be.
    """
    seen: Dict[str, str] = {}
    for path in paths:
        for block in tqdm(list(_read_blocks(path)), desc=path.name, unit="doc"):
            title = block[0]
            if not title.text.startswith("# ") or len(title.text.split()) != 2:
                raise title.error('a document begins with "# " and its id')
            if title.text in seen:
                raise title.error(f"id used already in {seen[title.text]}")
            seen[title.text] = title.place
            yield _make_doc(nlp, title, block[1:], linked)


def _read_blocks(path: Path) -> Iterator[List[Line]]:
    """The lines of each document: what stands between blank lines."""
    block: List[Line] = []
    for number, raw in enumerate(path.read_bytes().split(b"\n"), 1):
        try:
            text = raw.decode("utf8")
        except UnicodeDecodeError as error:
            raise Line(f"{path}:{number}", "").error(f"not UTF-8: {error.reason}") from None
        if text.strip():
            block.append(Line(f"{path}:{number}", text.rstrip()))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _make_doc(nlp: Language, title: Line, lines: List[Line], linked: bool) -> Doc:
    text, starts = "", []
    entities: List[Tuple[Line, Entity]] = []
    relations: List[Tuple[Entity, Entity, str]] = []
    names: Dict[str, List[Entity]] = {}
    for line in lines:
        if line.text[0].isspace():
            relation = _read_relation(line, names)
            # Of two the doc would keep one, and the counts would not say so.
            if relation in relations:
                raise line.error("the relation is there already")
            relations.append(relation)
            continue
        if line.text.startswith("# "):
            raise line.error("a blank line comes before a document")
        if RELATION.fullmatch(line.text):
            raise line.error("a relation is indented")
        text = f"{text} " if text else ""
        starts.append((line, len(text)))
        sentence, found = _read_sentence(line, len(text))
        text += sentence
        entities.extend((line, entity) for entity in found)
        # A relation names entities of the sentence above it, no others.
        names = {}
        for entity in found:
            names.setdefault(entity.text, []).append(entity)
            if entity.id and entity.id in names:
                raise line.error(f"{entity.id!r} names two entities")
            if entity.id:
                names[entity.id] = [entity]
    if not starts:
        raise title.error("the document has no sentence")
    doc = nlp.make_doc(text)
    _set_sentences(doc, starts)
    spans = {entity: _get_span(doc, line, entity, linked) for line, entity in entities}
    doc.ents = list(spans.values())
    set_relations(doc, [Relation(spans[h], spans[t], label) for h, t, label in relations])
    return doc


def _read_sentence(line: Line, offset: int) -> Tuple[str, List[Entity]]:
    """The sentence without mark-up, and its entities."""
    text, done, entities = "", 0, []
    for match in ENTITY.finditer(line.text):
        text += line.text[done : match.start()]
        start = offset + len(text)
        name, type_, id_ = match.groups()
        entities.append(Entity(start, start + len(name), name, type_, id_))
        text += name
        done = match.end()
    text += line.text[done:]
    if "[" in text or "]" in text:
        raise line.error("an entity is written [text](TYPE) or [text](TYPE id)")
    return text, entities


def _read_relation(
    line: Line, names: Dict[str, List[Entity]]
) -> Tuple[Entity, Entity, str]:
    """Head, tail and label of a relation between entities that have names."""
    match = RELATION.fullmatch(line.text.strip())
    if match is None:
        raise line.error(f"a relation is written head -LABEL-> tail: {line.text.strip()!r}")
    head, label, tail = match.groups()
    ends = []
    for name in (head, tail):
        found = names.get(name, [])
        if not found:
            known = ", ".join(names) or "none"
            raise line.error(f"no entity {name!r} in the sentence, there are: {known}")
        if len(found) > 1:
            raise line.error(f"{len(found)} entities are called {name!r}: give them ids")
        ends.extend(found)
    if ends[0] == ends[1]:
        raise line.error(f"{head!r} and {tail!r} are one entity")
    return ends[0], ends[1], label


def _set_sentences(doc: Doc, starts: List[Tuple[Line, int]]) -> None:
    places = {start: line for line, start in starts}
    for token in doc:
        token.is_sent_start = places.pop(token.idx, None) is not None
    for line in places.values():
        raise line.error("the sentence does not begin with a token of its own")


def _get_span(doc: Doc, line: Line, entity: Entity, linked: bool) -> Span:
    kb_id = (entity.id or "") if linked else ""
    span = doc.char_span(entity.start, entity.end, label=entity.type, kb_id=kb_id)
    if span is None:
        wider = doc.char_span(entity.start, entity.end, alignment_mode="expand")
        tokens = [token.text for token in wider]
        raise line.error(f"{entity.text!r} begins or ends within a token: {tokens}")
    return span


if __name__ == "__main__":
    typer.run(main)
