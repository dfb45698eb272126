"""What a file of annotations says, before any tokenizer has seen it."""

import re
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from spacy.tokens import Doc

Attribute = Tuple[str, Any]
Bounds = Tuple[int, int]

# What Python makes of bytes of a file name that are no UTF-8.
SURROGATE = re.compile(r"[\ud800-\udfff]")


class Problem(NamedTuple):
    """What does not come through as it was annotated.

    place (str): Where it stands, as `file:line`.
    kind (str): What it is of: "document", "entity", "relation", "attribute", "note".
    fate (str): What becomes of it: "dropped", or what is done to keep it.
    reason (str): Why.
    """

    place: str
    kind: str
    fate: str
    reason: str


@dataclass(frozen=True)
class SourceEntity:
    """A mention as annotated.

    id (str): What relations call it; unique in its document.
    start, end (int): Where it lies in the text, in characters, end exclusive.
    label (str): Its type.
    place (str): Where it stands.
    text (Optional[str]): What the file says that it reads, None where it does not.
    kb_id (str): Its id in a knowledge base.
    cluster (str): What all mentions of one thing have in common within the document.
    gaps (bool): Whether it leaves out words between its start and end.
    attributes (Tuple[Tuple[str, Any]]): Name and value of each.
    """

    id: str
    start: int
    end: int
    label: str
    place: str
    text: Optional[str] = None
    kb_id: str = ""
    cluster: str = ""
    gaps: bool = False
    attributes: Tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        _check_types(self, int, "start", "end")
        _check_types(self, str, "label", "kb_id")
        _check_types(self, (str, type(None)), "text")
        if not all(isinstance(name, str) for name, _ in self.attributes):
            raise TypeError(f"'attributes' have no names: {self.attributes!r}")


@dataclass(frozen=True)
class SourceRelation:
    """A relation as annotated.

    head, tail (str): Id of an entity, or the cluster of several.
    label (str): Its label.
    place (str): Where it stands.
    score (float): How sure it is, 0 to 1.
    head_mentions, tail_mentions (Tuple[str, ...]): Ids of all mentions of the two, where
        `head` and `tail` are those that tell most. Empty where there are no others, or
        the cluster tells them.
    evidence (Tuple[Bounds, ...]): Where each sentence that tells of it lies in the text,
        in characters, end exclusive.
    symmetric (bool): Whether it is said to have no direction.
    sentence (Optional[Bounds]): Where all that stands between its head and tail lies, from
        the first of their sentences to the last, as far as that is known.
    """

    head: str
    tail: str
    label: str
    place: str
    score: float = 1.0
    head_mentions: Tuple[str, ...] = ()
    tail_mentions: Tuple[str, ...] = ()
    evidence: Tuple[Bounds, ...] = ()
    symmetric: bool = False
    sentence: Optional[Bounds] = None

    def __post_init__(self) -> None:
        _check_types(self, str, "label")
        _check_types(self, (int, float), "score")
        _check_types(self, bool, "symmetric")
        for name, chars in (
            ("evidence", chain.from_iterable(self.evidence)),
            ("sentence", self.sentence or ()),
        ):
            if not all(is_int(char) for char in chars):
                raise TypeError(f"{name!r} is not of integers: {getattr(self, name)!r}")


@dataclass(frozen=True)
class SourceDoc:
    """A document as annotated.

    id (str): Its name.
    place (str): Where it stands.
    text (str): Its text.
    entities (List[SourceEntity]): Its mentions.
    relations (List[SourceRelation]): Its relations.
    problems (List[Problem]): What a reader could not make one of these of.
    words (Optional[List[str]]): The tokens, where the file has them.
    spaces (Optional[List[bool]]): Whether a space follows each of them; None where the
        file does not say, and `text` has one between any two.
    sent_starts (Tuple[int, ...]): Characters that sentences begin at, where it says so.
    has_relations (bool): Whether relations were annotated, also where there are none.
        True where the file can't say.
    clusters (Dict[str, List[SourceEntity]]): Mentions by their cluster's key in
        `doc.spans`, where they need not be entities, nor each in one cluster. Empty
        where the `cluster` of the entities tells.
    doc (Optional[Doc]): The doc that all this was read of, with what else is in it. None
        where the file has none.
    """

    id: str
    place: str
    text: str
    entities: List[SourceEntity] = field(default_factory=list)
    relations: List[SourceRelation] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    words: Optional[List[str]] = None
    spaces: Optional[List[bool]] = None
    sent_starts: Tuple[int, ...] = ()
    has_relations: bool = True
    clusters: Dict[str, List[SourceEntity]] = field(default_factory=dict)
    doc: Optional[Doc] = None

    def __post_init__(self) -> None:
        _check_types(self, str, "text")


def _check_types(found: Any, type_: Union[type, Tuple], *names: str) -> None:
    """Files may hold anything; what is made of them is of the types that are promised.

    RAISES (TypeError): Where a field is of another type.
    """
    for name in names:
        value = getattr(found, name)
        if not (is_int(value) if type_ is int else isinstance(value, type_)):
            raise TypeError(f"{name!r} is of type {type(value).__name__}: {value!r}")


def is_int(value: Any) -> bool:
    """Whether a value is a whole number. Python takes truth for one, too.

    value (Any): The value.
    RETURNS (bool): Whether it is.
    """
    return isinstance(value, int) and not isinstance(value, bool)


def as_text(said: str) -> str:
    """What may hold the name of a file, as text that can be written anywhere.

    said (str): What is said.
    RETURNS (str): The same, with a replacement character for each byte of a name that is
        no UTF-8.
    """
    return SURROGATE.sub("\ufffd", said)


def as_offset(value: Any) -> int:
    """An offset, which a file may give as a float or as a string.

    value (Any): What the file has.
    RETURNS (int): The offset.
    RAISES (TypeError, ValueError): Where it is no whole number.
    """
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"an offset is a whole number, found: {value}")
    return int(value)


def join_words(
    words: Sequence[str], spaces: Optional[Sequence[bool]] = None
) -> Tuple[str, List[Tuple[int, int]]]:
    """The text of tokens, and where each of them lies.

    words (Sequence[str]): The tokens.
    spaces (Optional[Sequence[bool]]): Whether a space follows each; None for one between
        any two.
    RETURNS (Tuple[str, List[Tuple[int, int]]]): The text; start and end in characters of
        each token.
    """
    if spaces is None:
        spaces = [True] * (len(words) - 1) + [False]
    pieces, bounds, start = [], [], 0
    for word, space in zip(words, spaces):
        bounds.append((start, start + len(word)))
        pieces.append(f"{word} " if space else word)
        start += len(pieces[-1])
    return "".join(pieces), bounds
