"""A doc with its relations as a plain record, fit for a line of JSON, and back."""

import json
import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import (
    Any,
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Tuple,
    TypedDict,
)

from spacy.tokens import Doc, Span
from spacy.util import filter_spans, get_words_and_spaces
from spacy.vocab import Vocab

from .entities import as_key, as_stored_key, get_entities
from .relation import Relation, get_relations, set_relations
from .user_data import SENTENCES_KEY

# What may stand on a line of its own: a letter of a script without spaces, or all that
# stands between two spaces.
WORD = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]|[^\s\u2e80-\u9fff\uf900-\ufaff]+")

# What XML, and so well-formed HTML, has no way to write.
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Where `as_doc` keeps the entities of which some overlap.
OVERLAPPING = "entities"


class EntityRecord(TypedDict):
    """A mention: `start` and `end` (exclusive) in characters of the record's text."""

    id: int
    start: int
    end: int
    text: str
    label: str
    kb_id: str


class RelationRecord(TypedDict):
    """A relation between two mentions, given by their ids; `head_mentions` and
    `tail_mentions` are those of all mentions of their entities. `sentence` is where it is
    told: from the first to the last sentence that its mentions stand in, as
    `{"start": 0, "end": 47}` in characters. One that is symmetric has no direction."""

    head: int
    tail: int
    label: str
    score: float
    symmetric: bool
    sentence: Dict[str, int]
    head_mentions: List[int]
    tail_mentions: List[int]
    evidence: List[Dict[str, int]]


class Record(TypedDict):
    """A doc: `id` names it, `source` is where it was read. Those that `spacy relext extract`
    wrote have `model` too, which tells the pipeline from others."""

    id: str
    source: str
    text: str
    entities: List[EntityRecord]
    relations: List[RelationRecord]


def get_mentions(
    doc: Doc, relations: Iterable[Relation], spans_keys: Collection[Optional[str]] = (None,)
) -> Tuple[List[Span], Dict[Tuple, int]]:
    """The entities of a doc, and the heads and tails that are not among them. Two on the
    same tokens with the same label are two where their kb_ids are; one without a kb_id is
    the same as one that has it.

    doc (Doc): The doc.
    relations (Iterable[Relation]): Its relations.
    spans_keys (Collection[Optional[str]]): Where entities are: None for `doc.ents`,
        else a group of `doc.spans`.
    RETURNS (Tuple[List[Span], Dict[Tuple, int]]): The mentions in text order, and the
        position among them of every span of these by its key (`entities.as_stored_key`).
    """
    spans = [span for key in spans_keys for span in get_entities(doc, key, as_stored_key)]
    for relation in relations:
        spans += [relation.head, *relation.head_mentions]
        spans += [relation.tail, *relation.tail_mentions]
    given = {as_stored_key(span): span for span in spans}
    linked = {as_key(span) for span in spans if span.kb_id}
    mentions = [x for x in given.values() if x.kb_id or as_key(x) not in linked]
    mentions.sort(key=as_key)
    first: Dict[Tuple, int] = {}
    for i, span in enumerate(mentions):
        first.setdefault(as_key(span), i)
    own = {as_stored_key(span): i for i, span in enumerate(mentions)}
    return mentions, {key: own.get(key, first[key[:3]]) for key in given}


def as_record(
    doc: Doc,
    *,
    id: str = "",
    source: str = "",
    spans_keys: Collection[Optional[str]] = (None,),
    symmetric_labels: Collection[str] = (),
) -> Record:
    """A doc with its relations as plain values.

    doc (Doc): The doc. Without sentence boundaries all of it counts as one sentence.
    id (str): Names it.
    source (str): Where it was read.
    spans_keys (Collection[Optional[str]]): Where entities are: None for `doc.ents`,
        else a group of `doc.spans`.
    symmetric_labels (Collection[str]): Labels of relations without direction.
    RETURNS (Record): The record, its entities in text order, its relations best score
        first. Of two that agree in all but score, sentence and evidence the better one is
        kept.
    """
    relations = get_relations(doc)
    mentions, ids = get_mentions(doc, relations, spans_keys)
    entities: List[EntityRecord] = [
        {
            "id": i,
            "start": span.start_char,
            "end": span.end_char,
            "text": span.text,
            "label": span.label_,
            "kb_id": span.kb_id_,
        }
        for i, span in enumerate(mentions)
    ]
    found: Dict[Tuple, RelationRecord] = {}
    for relation in relations:
        head, tail = ids[as_stored_key(relation.head)], ids[as_stored_key(relation.tail)]
        heads, tails = (
            # Mentions may be one since the relations were set.
            list(dict.fromkeys(ids[as_stored_key(x)] for x in of_entity))
            for of_entity in (relation.head_mentions, relation.tail_mentions)
        )
        told: RelationRecord = {
            "head": head,
            "tail": tail,
            "label": relation.label,
            "score": relation.score,
            "symmetric": relation.label in symmetric_labels,
            "sentence": _get_sentence(doc, relation),
            "head_mentions": heads,
            "tail_mentions": tails,
            "evidence": [_as_bounds(sent) for sent in relation.evidence],
        }
        key = (head, tail, relation.label, tuple(heads), tuple(tails))
        found.setdefault(key, told)
    return {
        "id": id,
        "source": source,
        "text": doc.text,
        "entities": entities,
        "relations": list(found.values()),
    }


def find_sentence(doc: Doc, relation: Relation) -> Optional[Tuple[int, int]]:
    """Where a relation is told, as it was said where the doc was made of. Those of other
    relations that have its head and tail within them have all of it within them.

    doc (Doc): The doc.
    relation (Relation): The relation.
    RETURNS (Optional[Tuple[int, int]]): Start and end in characters, None where it is not
        known.
    """
    first = min(relation.head.start_char, relation.tail.start_char)
    last = max(relation.head.end_char, relation.tail.end_char)
    told = [
        (end - start, start, end)
        for start, end in doc.user_data.get(SENTENCES_KEY, ())
        if start <= first and last <= end
    ]
    return min(told)[1:] if told else None


def as_doc(record: Record, vocab: Vocab) -> Doc:
    """A doc that shows a record: with its entities to the letter, whatever tokenizer
    they were found with, and its relations with their evidence. Its tokens are no more
    than pieces of text.

    record (Record): The record.
    vocab (Vocab): The vocabulary.
    RETURNS (Doc): The doc. Entities that overlap longer ones are in
        `doc.spans["entities"]` alone, where all are.
    """
    text, entities = record["text"], record["entities"]
    sents = (rel["evidence"] for rel in record["relations"])
    cuts = {x[end] for x in chain(entities, *sents) for end in ("start", "end")}
    bounds = sorted(cuts | {0, len(text)})
    pieces = (text[start:end] for start, end in zip(bounds, bounds[1:]))
    words = [word for piece in pieces for word in WORD.findall(piece)]
    doc = Doc(vocab, *get_words_and_spaces(words, text))
    spans = {entity["id"]: _find_span(doc, entity) for entity in entities}
    doc.spans[OVERLAPPING] = list(spans.values())
    doc.ents = filter_spans(spans.values())
    set_relations(
        doc,
        [
            Relation(
                spans[rel["head"]],
                spans[rel["tail"]],
                rel["label"],
                rel["score"],
                tuple(spans[id_] for id_ in rel["head_mentions"]),
                tuple(spans[id_] for id_ in rel["tail_mentions"]),
                tuple(
                    doc.char_span(sent["start"], sent["end"], alignment_mode="expand")
                    for sent in rel["evidence"]
                    # Of spaces there need not be a token.
                    if text[sent["start"] : sent["end"]].strip()
                ),
            )
            for rel in record["relations"]
        ],
    )
    return doc


def _find_span(doc: Doc, entity: EntityRecord) -> Span:
    start, end = entity["start"], entity["end"]
    # Where an entity begins or ends with a space, there is no token to match.
    span = doc.char_span(start, end, alignment_mode="expand")
    if not len(span):
        # One that is a space, which belongs to the token before it.
        span = doc.char_span(start - 1, end, alignment_mode="expand")
    return Span(doc, span.start, span.end, entity["label"], kb_id=entity["kb_id"])


def complete_relation(relation: Dict[str, Any]) -> None:
    """Fill in what a record need not say of a relation: all mentions of head and tail,
    where each is the only one of its entity, and the evidence, where there is none.

    relation (Dict[str, Any]): The relation, changed in place.
    """
    for role in ("head", "tail"):
        mentions = relation.get(f"{role}_mentions")
        relation[f"{role}_mentions"] = mentions or [relation[role]]
    relation["evidence"] = relation.get("evidence") or []


def make_writable(text: str) -> str:
    """Put a replacement character for what no XML, HTML or Turtle can hold.

    text (str): Any text.
    RETURNS (str): The text, as long as before.
    """
    return UNWRITABLE.sub("\ufffd", text)


def load_records(path: Path, failed: Optional[Counter] = None) -> Iterator[Record]:
    """Read what `spacy relext extract` or `spacy relext convert` wrote, one record after
    the other. Documents that the pipeline failed on are left out. A record without
    `relations`, as `convert` writes it of a doc that nobody annotated, gets an empty list,
    and an entity without a text gets what stands in its place in the document.

    path (Path): A .jsonl file of records.
    failed (Optional[Counter]): Where to count the documents that are left out, by path.
    YIELDS (Record): The records.
    RAISES (ValueError): On a line that is no record, with its number, and on a .spacy file.
    """
    if path.suffix == ".spacy":
        raise ValueError(
            f"{path} has docs, and no records: `python -m spacy relext convert {path} "
            f"{path.stem}.jsonl --to jsonl` makes them"
        )
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                if "error" not in record:
                    record = {"relations": [], **record}
                    _complete_record(record)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                raise ValueError(
                    f"{path}:{number}: no record as `spacy relext extract` writes it "
                    f"({type(error).__name__}: {error}). If that was interrupted, run it "
                    "again: it continues where it was."
                ) from None
            if "error" not in record:
                yield record
            elif failed is not None:
                failed[path] += 1


def _complete_record(record: Record) -> None:
    """Make sure that a record is one, and fill in what it need not say."""
    text = record["text"]
    str.__len__(record["id"] + text)
    ids = set()
    for entity in record["entities"]:
        _check_bounds(entity, text, f"entity {entity['id']}")
        said = entity.setdefault("text", text[entity["start"] : entity["end"]])
        str.__len__(entity["label"] + entity["kb_id"] + said)
        ids.add(entity["id"])
    for relation in record["relations"]:
        complete_relation(relation)
        for role in ("head", "tail"):
            if relation[role] not in ids:
                raise ValueError(f"no entity has the id of a {role}, {relation[role]!r}")
            if not ids.issuperset(relation[f"{role}_mentions"]):
                raise ValueError(f"no entity has an id of {role}_mentions")
        for sentence in (relation["sentence"], *relation["evidence"]):
            _check_bounds(sentence, text, "a sentence")
        if not 0 <= relation["score"] <= 1:
            raise ValueError(f"score {relation['score']} is not between 0 and 1")
        str.__len__(relation["label"])
        if not isinstance(relation["symmetric"], bool):
            raise TypeError(f"symmetric is {relation['symmetric']!r}, not true or false")


def _check_bounds(found: Mapping[str, Any], text: str, what: str) -> None:
    start, end = found["start"], found["end"]
    if not all(isinstance(char, int) for char in (start, end)):
        raise TypeError(f"{what} has no whole numbers as bounds: {start!r}, {end!r}")
    if not 0 <= start < end <= len(text):
        raise ValueError(f"{what} is not within the text")


def _get_sentence(doc: Doc, relation: Relation) -> Dict[str, int]:
    stored = find_sentence(doc, relation)
    if stored is not None:
        return dict(zip(("start", "end"), stored))
    first = min(relation.head.start, relation.tail.start)
    last = max(relation.head.end, relation.tail.end) - 1
    if doc.has_annotation("SENT_START"):
        told = doc[doc[first].sent.start : doc[last].sent.end]
    else:
        told = doc[:]
    return _as_bounds(told)


def _as_bounds(span: Span) -> Dict[str, int]:
    return {"start": span.start_char, "end": span.end_char}
