"""Pairs of entities, as flat arrays."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, Optional, Sequence, Tuple

import numpy
from spacy.tokens import Span
from thinc.types import Array1d, Array2d, Ints1d

from .entities import Entity

# A distance between the mentions of two arrays of indices.
Distance = Callable[[Ints1d, Ints1d], Ints1d]

# Pairs of mentions looked at together, which bounds the memory.
BLOCK = 1 << 20


@dataclass(frozen=True)
class Evidence:
    """What the attention of pairs is to learn: the sentences that tell of their relations.
    A pair has any number of them.

    pair (Ints1d): For each sentence the index of its pair, ascending.
    start, end (Ints1d): For each sentence its bounds in the tokens of the doc of the pair,
        end exclusive.
    weight (float): Factor on the loss.
    losses (List[float]): The loss of each doc, filled in by the layer that learns.
    """

    pair: Ints1d
    start: Ints1d
    end: Ints1d
    weight: float = 1.0
    losses: List[float] = field(default_factory=list)

    def of_pairs(self, rows: slice, n_tokens: int) -> Tuple[Ints1d, Array2d, Array1d]:
        """The sentences of some pairs.

        rows (slice): The pairs.
        n_tokens (int): The number of tokens of their doc.
        RETURNS (Tuple[Ints1d, Array2d, Array1d]): For each sentence the place of its pair
            among those; whether each token is in it, (sentences, tokens); and the share of
            the attention that it should have, the same for all of its pair.
        """
        i, j = numpy.searchsorted(self.pair, [rows.start, rows.stop])
        place, token = self.pair[i:j] - rows.start, numpy.arange(n_tokens)
        inside = (self.start[i:j, None] <= token) & (token < self.end[i:j, None])
        return place, inside, 1 / numpy.bincount(place)[place]

    def move(self, place: Ints1d) -> "Evidence":
        """The same for some of the pairs.

        place (Ints1d): For each pair its index among those, -1 for none of them; ascending.
        RETURNS (Evidence): The sentences of those.
        """
        pair = place[self.pair]
        kept = pair >= 0
        return Evidence(pair[kept], self.start[kept], self.end[kept], self.weight)


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of a batch of docs, as flat arrays in main memory.

    Where each entity has one mention, entities and mentions are the same.

    doc (Ints1d): For each entity the index of its doc in the batch.
    start, end (Ints1d): For each mention its bounds in tokens, end exclusive.
    label (Ints1d): For each entity the hash of its label, uint64.
    head, tail (Ints1d): For each pair the index of its head and of its tail
        among the entities, int32.
    entity (Optional[Ints1d]): For each mention the index of its entity, ascending;
        None where each entity has one mention.
    mentions (Sequence[Span]): The span of each mention, which a relation is made of;
        empty where nothing but scores is wanted.
    evidence (Optional[Evidence]): What the attention of the pairs is to learn, None for
        nothing.
    """

    doc: Ints1d
    start: Ints1d
    end: Ints1d
    label: Ints1d
    head: Ints1d
    tail: Ints1d
    entity: Optional[Ints1d] = None
    mentions: Sequence[Span] = ()
    evidence: Optional[Evidence] = None

    @classmethod
    def all(cls, entities: Sequence[Sequence[Entity]]) -> "Pairs":
        """Every ordered pair of two entities of one doc that do not cover the
        very same tokens.

        entities (Sequence[Sequence[Union[Span, Sequence[Span]]]]): For each doc its
            entities: a span each, or a list of all mentions, at least one.
        RETURNS (Pairs): The pairs, by doc, head and tail.
        """
        counts = numpy.asarray([len(of_doc) for of_doc in entities], dtype="int64")
        flat = [
            [entity] if isinstance(entity, Span) else entity
            for of_doc in entities
            for entity in of_doc
        ]
        n_mentions = numpy.asarray([len(spans) for spans in flat], dtype="int64")
        mentions = [span for spans in flat for span in spans]
        rows = [(span.start, span.end) for span in mentions]
        start, end = numpy.asarray(rows, dtype="int32").reshape(-1, 2).T
        # Each entity is the head of as many pairs as its doc has entities.
        n_partners = numpy.repeat(counts, counts)
        head = numpy.repeat(numpy.arange(len(flat), dtype="int32"), n_partners)
        offset = numpy.repeat(numpy.cumsum(counts) - counts, counts)
        tail = ranges(offset, n_partners).astype("int32")
        single = bool((n_mentions == 1).all())
        if single:
            different = (start[head] != start[tail]) | (end[head] != end[tail])
        else:
            known: Dict[FrozenSet[Tuple[int, int]], int] = {}
            bounds = (frozenset((span.start, span.end) for span in spans) for spans in flat)
            code = numpy.asarray([known.setdefault(key, len(known)) for key in bounds])
            different = code[head] != code[tail]
        return cls(
            doc=numpy.repeat(numpy.arange(len(counts), dtype="int32"), counts),
            start=start,
            end=end,
            label=numpy.asarray([spans[0].label for spans in flat], dtype="uint64"),
            head=head[different],
            tail=tail[different],
            entity=None if single else numpy.repeat(numpy.arange(len(flat)), n_mentions),
            mentions=mentions,
        )

    def __len__(self) -> int:
        return len(self.head)

    @property
    def n_entities(self) -> int:
        return len(self.doc)

    @cached_property
    def n_mentions(self) -> Ints1d:
        """For each entity the number of its mentions."""
        if self.entity is None:
            return numpy.ones(self.n_entities, dtype="int64")
        return numpy.bincount(self.entity, minlength=self.n_entities)

    @cached_property
    def first_mention(self) -> Ints1d:
        """For each entity the index of the first of its mentions."""
        return numpy.cumsum(self.n_mentions) - self.n_mentions

    @cached_property
    def closest(self) -> Tuple[Ints1d, Ints1d]:
        """For each pair those mentions of its head and of its tail that have the
        fewest tokens between them; of several the first. Not one that both entities
        have, twice."""

        def count(head: Ints1d, tail: Ints1d) -> Ints1d:
            between = _count_between(self.start, self.end, head, tail)
            same = (self.start[head] == self.start[tail]) & (self.end[head] == self.end[tail])
            return numpy.where(same, numpy.iinfo("int32").max, between)

        return self.nearest(count)

    def nearest(self, distance: Distance) -> Tuple[Ints1d, Ints1d]:
        """For each pair two of its mentions.

        distance (Callable[[Ints1d, Ints1d], Ints1d]): What is to be as small as
            possible, from the indices of mentions of heads and of tails.
        RETURNS (Tuple[Ints1d, Ints1d]): The indices of the mentions, of head and tail.
        """
        if self.entity is None:
            return self.head, self.tail
        found = [numpy.zeros((2, 0), dtype="int64")]
        for starts, mentions in self._iter_mention_pairs(BLOCK):
            apart = distance(*mentions)
            sizes = numpy.diff(starts, append=len(apart))
            least = numpy.repeat(numpy.minimum.reduceat(apart, starts), sizes)
            first = numpy.flatnonzero(apart == least)
            row = numpy.searchsorted(starts, first, side="right") - 1
            found.append(mentions[:, first[numpy.diff(row, prepend=-1) > 0]])
        head, tail = numpy.concatenate(found, axis=1)
        return head, tail

    def of_mentions(self, head: Ints1d, tail: Ints1d) -> "Pairs":
        """Pairs of mentions, each of which counts as an entity of its own.

        head, tail (Ints1d): The indices of mentions.
        RETURNS (Pairs): The pairs.
        """
        entity = slice(None) if self.entity is None else self.entity
        doc, label = self.doc[entity], self.label[entity]
        return replace(
            self, doc=doc, label=label, head=head, tail=tail, entity=None, evidence=None
        )

    def iter_mention_pairs(self, size: int) -> Iterator[Tuple["Pairs", Ints1d]]:
        """Every mention of the head of a pair with every mention of its tail.

        size (int): How many pairs of mentions to make at a time, and up to those of one
            pair more.
        YIELDS (Tuple[Pairs, Ints1d]): The pairs of mentions of some pairs, and how many
            each of these has; in order.
        """
        for starts, (head, tail) in self._iter_mention_pairs(size):
            yield self.of_mentions(head, tail), numpy.diff(starts, append=len(head))

    def _iter_mention_pairs(self, size: int) -> Iterator[Tuple[Ints1d, Any]]:
        """Runs of pairs, each with all pairs of their mentions: where those of each
        begin, and the mentions of heads and tails, (2, mention pairs)."""
        n_tails = self.n_mentions[self.tail]
        sizes = self.n_mentions[self.head] * n_tails
        ends = numpy.cumsum(sizes)
        cuts = numpy.searchsorted(ends, numpy.arange(size, ends[-1:].sum(), size))
        bounds = numpy.unique([0, *cuts, len(self)])
        for i, j in zip(bounds, bounds[1:]):
            count = sizes[i:j]
            starts = numpy.cumsum(count) - count
            place = ranges(numpy.zeros_like(count), count)
            width = numpy.repeat(n_tails[i:j], count)
            heads = numpy.repeat(self.first_mention[self.head[i:j]], count) + place // width
            tails = numpy.repeat(self.first_mention[self.tail[i:j]], count) + place % width
            yield starts, numpy.stack([heads, tails])

    def select(self, which: Any) -> "Pairs":
        """Some of the pairs, of the same entities.

        which (Union[Ints1d, Bools1d, slice]): What to keep.
        RETURNS (Pairs): The pairs kept.
        """
        kept = replace(self, head=self.head[which], tail=self.tail[which])
        if self.evidence is not None:
            place = numpy.full(len(self), -1)
            place[which] = numpy.arange(len(kept))
            kept = replace(kept, evidence=self.evidence.move(place))
        if "closest" in vars(self):
            vars(kept)["closest"] = tuple(mention[which] for mention in self.closest)
        return kept

    @cached_property
    def reverse(self) -> Ints1d:
        """For each pair the index of the pair with head and tail exchanged, and
        its own where that is no candidate."""
        position = self.find(self.tail, self.head)
        return numpy.where(position < 0, numpy.arange(len(self)), position)

    def find(self, head: Ints1d, tail: Ints1d) -> Ints1d:
        """Look pairs up.

        head, tail (Ints1d): Indices of entities.
        RETURNS (Ints1d): The index of each pair, -1 for no candidate.
        """
        if not len(self):
            return numpy.full(len(head), -1)
        keys, wanted = self._keys(self.head, self.tail), self._keys(head, tail)
        order = numpy.argsort(keys, kind="stable")
        position = numpy.searchsorted(keys, wanted, sorter=order)
        found = order[numpy.minimum(position, len(keys) - 1)]
        return numpy.where(keys[found] == wanted, found, -1)

    def check_lengths(self, lengths: Ints1d) -> None:
        """Make sure that the vectors of a batch are those of the tokens of its docs.

        lengths (Ints1d): Number of vectors of each doc.
        RAISES (ValueError): Where a doc with an entity has more or fewer tokens.
        """
        if not len(self.mentions):
            return
        indices, entities = numpy.unique(self.doc, return_index=True)
        for i, mention in zip(indices.tolist(), self.first_mention[entities].tolist()):
            doc = self.mentions[mention].doc
            if len(doc) != lengths[i]:
                raise ValueError(
                    f"A doc of {len(doc)} tokens has {lengths[i]} vectors. What merges or "
                    "splits tokens has to stand before the transformer, or after the "
                    f"relation extractor. The doc: {doc[:10].text!r}"
                )

    def flat_bounds(self, lengths: Ints1d) -> Tuple[Ints1d, Ints1d]:
        """The mentions' bounds in the concatenated tokens of the batch.

        lengths (Ints1d): Number of tokens of each doc.
        RETURNS (Tuple[Ints1d, Ints1d]): Starts and ends, end exclusive.
        """
        doc = self.doc if self.entity is None else self.doc[self.entity]
        offset = (numpy.cumsum(lengths) - lengths)[doc]
        return self.start + offset, self.end + offset

    def _keys(self, head: Ints1d, tail: Ints1d) -> Ints1d:
        return numpy.asarray(head, dtype="int64") * self.n_entities + tail


def count_between(pairs: Pairs) -> Ints1d:
    """Number of tokens between the two closest mentions of each pair, at least 0.

    pairs (Pairs): The pairs.
    RETURNS (Ints1d): One count a pair.
    """
    return _count_between(pairs.start, pairs.end, *pairs.closest)


def _count_between(start: Ints1d, end: Ints1d, head: Ints1d, tail: Ints1d) -> Ints1d:
    first_end = numpy.minimum(end[head], end[tail])
    last_start = numpy.maximum(start[head], start[tail])
    return numpy.maximum(last_start - first_end, 0)


def ranges(starts: Ints1d, lengths: Ints1d) -> Ints1d:
    """Concatenated `range(start, start + length)`."""
    shift = numpy.repeat(starts - (numpy.cumsum(lengths) - lengths), lengths)
    return numpy.arange(len(shift)) + shift
