"""Which pairs of entities are candidates for a relation."""

import warnings
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy
from spacy.strings import get_string_id
from spacy.tokens import Doc, Span
from spacy.util import registry
from thinc.types import Ints1d

from .entities import as_key
from .pairs import Pairs, count_between
from .relation import Relation

# A pair generator narrows (or extends) the pairs of a batch of docs; it is
# handed all of them. One that has to learn from the training data also has
# `initialize(relations)` and a property `state`, a dict of plain values; when it is set to
# the state of another kind of generator, it raises a KeyError or a ValueError. Closures
# can't be pickled, as `nlp.pipe(n_process=2)` does, so no generator of ours is one.
PairGenerator = Callable[[Sequence[Doc], Pairs], Pairs]


def generate_pairs(
    name: str, generator: PairGenerator, docs: Sequence[Doc], all_pairs: Pairs
) -> Pairs:
    """The candidate pairs of a batch of docs, in the order of the docs.

    name (str): The component that asks, for the errors.
    generator (PairGenerator): The pair generator, which may be a user's own.
    docs (Sequence[Doc]): The docs.
    all_pairs (Pairs): All pairs of their entities.
    RETURNS (Pairs): The pairs.
    RAISES (ValueError): Where what the generator returns are no pairs of these entities.
    """
    pairs = generator(docs, all_pairs)
    if not isinstance(pairs, Pairs):
        raise ValueError(
            f"{name}: the pair generator must return Pairs, found: {type(pairs)}"
        )
    if pairs.mentions is not all_pairs.mentions:
        raise ValueError(
            f"{name}: the pair generator must return pairs of the entities that it is "
            "given: make them of its argument, by Pairs.select or dataclasses.replace"
        )
    doc_of_pair = pairs.doc[pairs.head]
    if (doc_of_pair[1:] < doc_of_pair[:-1]).any():
        pairs = pairs.select(numpy.argsort(doc_of_pair, kind="stable"))
    return pairs


def restore_state(name: str, generator: PairGenerator, state: Dict[str, Any]) -> None:
    """Give a pair generator what was learnt in training.

    name (str): The component, for the errors.
    generator (PairGenerator): The pair generator.
    state (Dict[str, Any]): The state of the one that was trained, empty where it has none.
    RAISES (ValueError): Where it is not the state of such a generator.
    """
    try:
        _set_state(generator, state)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{name}: the pair generators can't take what was learnt in training, found: "
            f"{state}. They must be those that it was trained with."
        ) from error


@registry.misc("spacy-relext.all_pairs.v1")
def configure_all_pairs() -> PairGenerator:
    """Every ordered pair of entities of a doc."""
    return keep_all


def keep_all(docs: Sequence[Doc], pairs: Pairs) -> Pairs:
    return pairs


@registry.misc("spacy-relext.token_window.v1")
def configure_token_window(max_tokens: int) -> PairGenerator:
    """Pairs with few tokens between them.

    max_tokens (int): The largest number of tokens between the two mentions.
    RAISES (ValueError): Where `max_tokens` is below 1.
    """
    _check_positive("token_window", "max_tokens", max_tokens)
    return partial(token_window, max_tokens=max_tokens)


def token_window(docs: Sequence[Doc], pairs: Pairs, *, max_tokens: int) -> Pairs:
    return pairs.select(count_between(pairs) <= max_tokens)


@registry.misc("spacy-relext.sentence_window.v1")
def configure_sentence_window(max_sentences: int) -> PairGenerator:
    """Pairs of which two mentions start within a few consecutive sentences.

    max_sentences (int): The largest number of sentences, 1 for the same.
    RAISES (ValueError): Where `max_sentences` is below 1 and, when called, where
        a doc with pairs has no sentence boundaries.
    """
    _check_positive("sentence_window", "max_sentences", max_sentences)
    return partial(sentence_window, max_sentences=max_sentences)


def sentence_window(docs: Sequence[Doc], pairs: Pairs, *, max_sentences: int) -> Pairs:
    sentence = numpy.zeros(len(pairs.start), dtype="int64")
    doc_of_mention = numpy.repeat(pairs.doc, pairs.n_mentions)
    for i in numpy.unique(pairs.doc[pairs.head]):
        if not docs[i].has_annotation("SENT_START"):
            raise ValueError(
                "spacy-relext.sentence_window.v1 needs sentence boundaries, and a "
                f"doc has none: {docs[i].text[:50]!r}. Put a component that sets "
                "them before the relation_extractor ('sentencizer', 'senter' or "
                "'parser'), and name it in [training.annotating_components]."
            )
        starts = docs[i].to_array("SENT_START") == 1
        here = doc_of_mention == i
        sentence[here] = numpy.cumsum(starts)[pairs.start[here]]

    def count(head: Ints1d, tail: Ints1d) -> Ints1d:
        return numpy.abs(sentence[head] - sentence[tail])

    return pairs.select(count(*pairs.nearest(count)) < max_sentences)


@registry.misc("spacy-relext.entity_types.v1")
def configure_entity_types(
    allowed: Optional[List[List[str]]] = None,
) -> PairGenerator:
    """Pairs of entity types between which a relation is possible. The type of an entity
    is that of its first mention.

    allowed (Optional[List[List[str]]]): Pairs of a head and a tail type; None to learn
        them from the relations of the training data at initialize. These are types of
        the annotation: where a component finds the entities and names their types
        otherwise, no pair is a candidate.
    RAISES (ValueError): Where `allowed` is not a list of pairs, or an empty one.
    """
    return EntityTypes(allowed)


class EntityTypes:
    """The generator behind `spacy-relext.entity_types.v1`."""

    def __init__(self, allowed: Optional[List[List[str]]] = None) -> None:
        self._given = allowed is not None
        self._allowed = _as_type_pairs(allowed)

    def __call__(self, docs: Sequence[Doc], pairs: Pairs) -> Pairs:
        if self._allowed is None:
            return pairs
        labels, code = numpy.unique(pairs.label, return_inverse=True)
        possible = numpy.zeros((len(labels), len(labels)), dtype=bool)
        row = {int(label): i for i, label in enumerate(labels)}
        for head, tail in self._allowed:
            if get_string_id(head) in row and get_string_id(tail) in row:
                possible[row[get_string_id(head)], row[get_string_id(tail)]] = True
        return pairs.select(possible[code[pairs.head], code[pairs.tail]])

    def initialize(self, relations: Iterable[Relation]) -> None:
        """Learn the allowed types, unless they were given. Of what was given and is not
        among the relations a warning tells, as they may be a sample.

        relations (Iterable[Relation]): The relations of the training data, with all
            mentions of their entities.
        """
        seen = {
            (_get_type(relation.head_mentions), _get_type(relation.tail_mentions))
            for relation in relations
        }
        if not self._given:
            self._allowed = sorted(seen) or None
            if not seen:
                warnings.warn(
                    "spacy-relext.entity_types.v1: there are no relations to learn entity "
                    "types from, so every pair is a candidate. Name them by `allowed`."
                )
            return
        known = {name for types in seen for name in types}
        unknown = {name for types in self._allowed for name in types} - known
        if known and unknown:
            warnings.warn(
                "spacy-relext.entity_types.v1: allowed names "
                f"{', '.join(sorted(unknown))}, but the relations of the training data are "
                f"between entities of the types {', '.join(sorted(known))}"
            )

    @property
    def state(self) -> Dict[str, Any]:
        """What was learnt, as plain values."""
        if self._given:
            return {}
        return {"allowed": self._allowed and [list(types) for types in self._allowed]}

    @state.setter
    def state(self, state: Dict[str, Any]) -> None:
        if not self._given:
            self._allowed = _as_type_pairs(state["allowed"])


@registry.misc("spacy-relext.all_of.v1")
def configure_all_of(*generators: PairGenerator) -> PairGenerator:
    """Several generators in turn, each narrowing what the one before it left.

    *generators (PairGenerator): The generators.
    """
    return AllOf(generators)


class AllOf:
    """The generator behind `spacy-relext.all_of.v1`."""

    def __init__(self, generators: Sequence[PairGenerator]) -> None:
        self._generators = generators

    def __call__(self, docs: Sequence[Doc], pairs: Pairs) -> Pairs:
        for generator in self._generators:
            pairs = generator(docs, pairs)
        return pairs

    def initialize(self, relations: Iterable[Relation]) -> None:
        relations = list(relations)
        for generator in self._generators:
            if hasattr(generator, "initialize"):
                generator.initialize(relations)

    @property
    def state(self) -> Dict[str, Any]:
        states = {str(i): getattr(g, "state", {}) for i, g in enumerate(self._generators)}
        return {i: state for i, state in states.items() if state}

    @state.setter
    def state(self, state: Dict[str, Any]) -> None:
        rest = dict(state)
        for i, generator in enumerate(self._generators):
            _set_state(generator, rest.pop(str(i), {}))
        if rest:
            raise ValueError(f"spacy-relext.all_of.v1: no generator has the state {rest}")


def _set_state(generator: PairGenerator, state: Dict[str, Any]) -> None:
    if hasattr(generator, "initialize"):
        generator.state = state
    elif state:
        raise ValueError(f"{generator} learns nothing, found: {state}")


def _check_positive(generator: str, option: str, value: int) -> None:
    if value < 1:
        raise ValueError(
            f"spacy-relext.{generator}.v1: {option} must be at least 1, found: {value}. "
            "For no limit leave the generator out."
        )


def _as_type_pairs(
    allowed: Optional[List[List[str]]],
) -> Optional[List[Tuple[str, ...]]]:
    if allowed is None:
        return None
    if not allowed:
        raise ValueError(
            "spacy-relext.entity_types.v1: allowed is empty, so no pair would ever be a "
            "candidate. Name pairs of types, or leave it out to learn them."
        )
    for types in allowed:
        if len(types) != 2:
            raise ValueError(
                "spacy-relext.entity_types.v1: allowed must hold pairs of a head and a "
                f"tail type, found: {types}"
            )
    return [tuple(types) for types in allowed]


def _get_type(mentions: Sequence[Span]) -> str:
    """The type of an entity, as `Pairs` has it."""
    return min(mentions, key=as_key).label_
