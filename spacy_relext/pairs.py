"""Pairs of entities, as flat arrays."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, List, Optional, Sequence, Tuple

import numpy
from spacy.tokens import Doc, Span
from thinc.types import Ints1d


@dataclass(frozen=True)
class Pairs:
    """Candidate pairs of a batch of docs, as flat arrays in main memory.

    doc (Ints1d): For each entity the index of its doc in the batch.
    start, end (Ints1d): For each entity its bounds in tokens, end exclusive.
    label (Ints1d): For each entity the hash of its label, uint64.
    head, tail (Ints1d): For each pair the index of its head and of its tail
        among the entities, int32.
    """

    doc: Ints1d
    start: Ints1d
    end: Ints1d
    label: Ints1d
    head: Ints1d
    tail: Ints1d

    @classmethod
    def all(cls, entities: Sequence[Sequence[Span]]) -> "Pairs":
        """Every ordered pair of two entities of one doc that do not cover the
        very same tokens.

        entities (Sequence[Sequence[Span]]): For each doc its entities.
        RETURNS (Pairs): The pairs, by doc, head and tail.
        """
        counts = numpy.asarray([len(spans) for spans in entities], dtype="int64")
        rows = [
            (i, span.start, span.end) for i, spans in enumerate(entities) for span in spans
        ]
        doc, start, end = numpy.asarray(rows, dtype="int32").reshape(-1, 3).T
        labels = [span.label for spans in entities for span in spans]
        # Each entity is the head of as many pairs as its doc has entities.
        n_partners = numpy.repeat(counts, counts)
        head = numpy.repeat(numpy.arange(len(rows), dtype="int32"), n_partners)
        offset = numpy.repeat(numpy.cumsum(counts) - counts, counts)
        tail = ranges(offset, n_partners).astype("int32")
        different = (start[head] != start[tail]) | (end[head] != end[tail])
        return cls(
            doc=doc,
            start=start,
            end=end,
            label=numpy.asarray(labels, dtype="uint64"),
            head=head[different],
            tail=tail[different],
        )

    def __len__(self) -> int:
        return len(self.head)

    @property
    def n_entities(self) -> int:
        return len(self.start)

    def select(self, which: Any) -> "Pairs":
        """Some of the pairs, of the same entities.

        which (Union[Ints1d, Bools1d, slice]): What to keep.
        RETURNS (Pairs): The pairs kept.
        """
        return replace(self, head=self.head[which], tail=self.tail[which])

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

    def flat_bounds(self, lengths: Ints1d) -> Tuple[Ints1d, Ints1d]:
        """The entities' bounds in the concatenated tokens of the batch.

        lengths (Ints1d): Number of tokens of each doc.
        RETURNS (Tuple[Ints1d, Ints1d]): Starts and ends, end exclusive.
        """
        offset = (numpy.cumsum(lengths) - lengths)[self.doc]
        return self.start + offset, self.end + offset

    def _keys(self, head: Ints1d, tail: Ints1d) -> Ints1d:
        return numpy.asarray(head, dtype="int64") * self.n_entities + tail


def get_entities(doc: Doc, spans_key: Optional[str] = None) -> List[Span]:
    """The entities between which relations are sought.

    doc (Doc): The doc.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`;
        a missing group is an empty one.
    RETURNS (List[Span]): The entities in text order, without empty ones and
        duplicates (same bounds and label).
    """
    if spans_key is None:
        return list(doc.ents)
    spans = doc.spans[spans_key] if spans_key in doc.spans else []
    unique = {(span.start, span.end, span.label): span for span in spans if len(span)}
    return [unique[bounds] for bounds in sorted(unique)]


def count_between(pairs: Pairs) -> Ints1d:
    """Number of tokens between the two mentions of each pair, at least 0.

    pairs (Pairs): The pairs.
    RETURNS (Ints1d): One count a pair.
    """
    first_end = numpy.minimum(pairs.end[pairs.head], pairs.end[pairs.tail])
    last_start = numpy.maximum(pairs.start[pairs.head], pairs.start[pairs.tail])
    return numpy.maximum(last_start - first_end, 0)


def ranges(starts: Ints1d, lengths: Ints1d) -> Ints1d:
    """Concatenated `range(start, start + length)`."""
    shift = numpy.repeat(starts - (numpy.cumsum(lengths) - lengths), lengths)
    return numpy.arange(len(shift)) + shift
