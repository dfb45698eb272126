from typing import Any, Callable, Iterator, List, Optional, Tuple

import numpy
from thinc.api import Embed, Model, Ops, deserialize_attr
from thinc.types import Floats2d, Ints1d

from ..pairs import Pairs, count_between
from .flatten_tokens import Tokens
from .linear import linear
from .reduce_logsumexp import reduce_logsumexp, unchanged

# Tokens between the mentions: 0 to 4 apart, then by ranges.
DISTANCES = numpy.asarray([0, 1, 2, 3, 4, 5, 8, 12, 16, 24, 32, 64])
N_POSITIONS = 2 * len(DISTANCES) + 3


class BlockSize(int):
    """No part of what was trained: a model that is loaded has that of its config, and not
    the one that was saved with the weights."""


@deserialize_attr.register(BlockSize)
def _keep(configured: BlockSize, value: Any, name: str, model: Model) -> BlockSize:
    return configured


def score_pairs(
    entities: Model[Tuple[Tokens, Pairs], Floats2d],
    join: Model[Floats2d, Floats2d],
    output: Model[Floats2d, Floats2d],
    *,
    width: int,
    pair_width: int,
    distance: bool,
    context: Optional[Model[Tuple[Tokens, Floats2d, Pairs], Callable]],
    block_size: int,
    of_mentions: bool = False,
) -> Model[Tuple[Tokens, Pairs], Floats2d]:
    """The scores of each pair, from the vectors of its two entities.

    What is computed once an entity (one projection as head, one as tail) is added to
    what the pair alone knows (distance and order, context): to all of it, or head and
    tail to one half each. What comes of it is joined, and scored.

    With `of_mentions`, each pair of mentions is scored so, and the score of two entities
    is the logsumexp over theirs: a relation that is told once is told, and told often it
    is surer (multi-instance learning; Verga et al. 2018, "Simultaneously Self-Attending to
    All Mentions for Full-Abstract Biological Relation Extraction").

    entities (Model[Tuple[Tokens, Pairs], Floats2d]): Makes the entity vectors, or those
        of the mentions.
    join (Model[Floats2d, Floats2d]): Makes one vector a pair of the sums.
    output (Model[Floats2d, Floats2d]): Scores what `join` made.
    width (int): Width of the projections of head and tail.
    pair_width (int): Width of what the pair alone knows: the same, or twice as much,
        for head and tail side by side.
    distance (bool): Whether a pair knows distance and order of its mentions.
    context (Optional[Model]): Makes context vectors, see `max_context`.
    block_size (int): Number of pairs scored at a time in prediction; this bounds
        the memory.
    of_mentions (bool): Whether what `entities` makes are vectors of mentions, so that
        pairs of mentions are scored.
    """
    layers = [entities, output, linear(width), linear(width), join]
    refs = {"distance": None, "context": context}
    if distance:
        refs["distance"] = Embed(pair_width, nV=N_POSITIONS)
    layers.extend(layer for layer in refs.values() if layer is not None)
    return Model(
        "score_pairs",
        forward,
        init=init,
        layers=layers,
        refs=refs,
        dims={"nO": output.maybe_get_dim("nO")},
        attrs={
            "block_size": BlockSize(block_size),
            "pair_width": pair_width,
            "of_mentions": of_mentions,
        },
    )


def forward(
    model: Model, inputs: Tuple[Tokens, Pairs], is_train: bool
) -> Tuple[Floats2d, Callable]:
    _, pairs = inputs
    ops = model.ops
    if not is_train:
        scores = ops.alloc2f(len(pairs), model.get_dim("nO"), zeros=False)
        done = 0
        for _, counts, of_block in iter_scores(model, inputs):
            pooled, _ = _pool(ops, of_block, counts)
            scores[done : done + len(pooled)] = pooled
            done += len(pooled)
        return scores, _no_backprop

    output, join = model.layers[1], model.layers[4]
    every, counts = _get_scored(model, pairs)
    pair_vectors, backprop_vectors = _vectors(model, inputs, every, is_train)
    joined, backprop_join = join(pair_vectors(every), is_train)
    of_every, backprop_output = output(joined, is_train)
    scores, backprop_pool = _pool(ops, of_every, counts)

    def backprop(d_scores: Floats2d) -> Tuple[Floats2d, Pairs]:
        dY = backprop_join(backprop_output(backprop_pool(d_scores)))
        return backprop_vectors(dY), pairs

    return scores, backprop


def iter_scores(
    model: Model, inputs: Tuple[Tokens, Pairs]
) -> Iterator[Tuple[Pairs, Optional[Ints1d], Floats2d]]:
    """The scores before they are pooled.

    model (Model): The layer, trained.
    inputs (Tuple[Tokens, Pairs]): Its inputs.
    YIELDS (Tuple[Pairs, Optional[Ints1d], Floats2d]): With `of_mentions` the pairs of
        mentions of some pairs, how many each of these has, and the scores of each; else
        some pairs, None, and their scores. In order, about `block_size` at a time.
    """
    output, join = model.layers[1], model.layers[4]
    every, _ = _get_scored(model, inputs[1])
    pair_vectors, _ = _vectors(model, inputs, every, is_train=False)
    for block, counts in _iter_blocks(model, inputs[1]):
        parts = _cut(block, model.attrs["block_size"])
        of_parts = [output.predict(join.predict(pair_vectors(part))) for part in parts]
        yield block, counts, model.ops.xp.vstack(of_parts)


def init(model: Model, X=None, Y=None) -> None:
    entities, output, as_head, as_tail, join = model.layers[:5]
    if Y is not None:
        model.set_dim("nO", Y.shape[1])
    if X is not None:
        tokens, pairs = X
        entities.initialize(X=X)
        E = entities.predict(X)
        as_head.initialize(X=E)
        as_tail.initialize(X=E)
        for name, sample in (("context", (tokens, E, pairs)), ("distance", None)):
            layer = model.maybe_get_ref(name)
            if layer is not None:
                layer.initialize(X=sample)
        joined = join.predict(model.ops.alloc2f(1, model.attrs["pair_width"]))
        output.initialize(X=joined, Y=Y)


def _vectors(
    model: Model, inputs: Tuple[Tokens, Pairs], every: Pairs, is_train: bool
) -> Tuple[Callable[[Pairs], Floats2d], Callable[[Floats2d], Floats2d]]:
    """A function that makes the vectors of some of what gets a score. The vectors of
    mentions come from the pairs of entities, as a pair of mentions no longer tells how
    many its entity has."""
    tokens, pairs = inputs
    pairs.check_lengths(tokens[1])
    ops = model.ops
    entities, _, as_head, as_tail, _ = model.layers[:5]
    width = as_head.get_dim("nO")
    E, backprop_entities = entities(inputs, is_train)
    H, backprop_head = as_head(E, is_train)
    T, backprop_tail = as_tail(E, is_train)
    add_distance, backprop_distance = _distance(model, is_train)
    add_context, backprop_context = _context(model, (tokens, E, every), is_train)

    def pair_vectors(some: Pairs) -> Floats2d:
        Y = H[ops.asarray1i(some.head)]
        if model.attrs["pair_width"] == width:
            Y += T[ops.asarray1i(some.tail)]
        else:
            Y = ops.xp.hstack([Y, T[ops.asarray1i(some.tail)]])
        add_distance(Y, some)
        add_context(Y, some)
        return Y

    def backprop(dY: Floats2d) -> Floats2d:
        dH, dT = ops.alloc2f(*H.shape), ops.alloc2f(*T.shape)
        # Where head and tail are added up, not side by side, both are the whole row.
        of_head, of_tail = dY[:, :width], dY[:, dY.shape[1] - width :]
        ops.scatter_add(dH, ops.asarray1i(every.head), ops.as_contig(of_head))
        ops.scatter_add(dT, ops.asarray1i(every.tail), ops.as_contig(of_tail))
        backprop_distance(dY)
        d_tokens, dE = backprop_context(dY)
        dE += backprop_head(dH) + backprop_tail(dT)
        return d_tokens + backprop_entities(dE)

    return pair_vectors, backprop


def _get_scored(model: Model, pairs: Pairs) -> Tuple[Pairs, Optional[Ints1d]]:
    """What gets a score: the pairs, or all pairs of their mentions with the number of
    those of each pair."""
    if pairs.entity is None or not model.attrs["of_mentions"]:
        return pairs, None
    none = numpy.zeros(0, dtype="int64")
    # One pair may be there several times, as for evidence, once for each label.
    n_all = int((pairs.n_mentions[pairs.head] * pairs.n_mentions[pairs.tail]).sum()) + 1
    return next(pairs.iter_mention_pairs(n_all), (pairs.of_mentions(none, none), none))


def _iter_blocks(
    model: Model, pairs: Pairs
) -> Iterator[Tuple[Pairs, Optional[Ints1d]]]:
    """The same, some at a time: about `block_size`, or all pairs of the mentions of one
    pair where those are more."""
    size = model.attrs["block_size"]
    if model.attrs["of_mentions"]:
        yield from pairs.iter_mention_pairs(size)
        return
    for block in _cut(pairs, size):
        yield block, None


def _cut(pairs: Pairs, size: int) -> Iterator[Pairs]:
    """The pairs, some at a time, which bounds the memory of prediction."""
    for i in range(0, len(pairs), size):
        yield pairs.select(slice(i, i + size))


def _pool(
    ops: Ops, scores: Floats2d, counts: Optional[Ints1d]
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    if counts is None:
        return scores, unchanged
    return reduce_logsumexp(ops, scores, counts)


def _distance(model: Model, is_train: bool) -> Tuple[Callable, Callable]:
    layer = model.maybe_get_ref("distance")
    if layer is None:
        return _add_nothing, _no_backprop
    callbacks: List[Callable] = []

    def add(Y: Floats2d, pairs: Pairs) -> None:
        rows = model.ops.asarray1i(pair_positions(pairs))
        distance, backprop = layer(rows, is_train)
        Y += distance
        callbacks[:] = [backprop]

    def backprop(dY: Floats2d) -> None:
        callbacks[0](dY)

    return add, backprop


def _context(model: Model, inputs: Tuple, is_train: bool) -> Tuple[Callable, Callable]:
    layer = model.maybe_get_ref("context")
    if layer is None:
        (X, _), E, _ = inputs

        def no_gradient(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
            return model.ops.alloc2f(*X.shape), model.ops.alloc2f(*E.shape)

        return _add_nothing, no_gradient
    lookup, backprop = layer(inputs, is_train)

    def add(Y: Floats2d, pairs: Pairs) -> None:
        Y += lookup(pairs)

    return add, backprop


def pair_positions(pairs: Pairs) -> Ints1d:
    """How the closest mentions of each pair stand to each other: their distance in
    ranges, head first or tail first; or head in tail, tail in head, overlapping.

    pairs (Pairs): The pairs.
    RETURNS (Ints1d): Per pair a number below N_POSITIONS.
    """
    head, tail = pairs.closest
    head_start, head_end = pairs.start[head], pairs.end[head]
    tail_start, tail_end = pairs.start[tail], pairs.end[tail]
    n_ranges = len(DISTANCES)
    apart = _RANGES[numpy.minimum(count_between(pairs), DISTANCES[-1])]
    position = numpy.where(head_start < tail_start, apart, n_ranges + apart)
    overlap = (head_start < tail_end) & (tail_start < head_end)
    if overlap.any():
        in_tail = (head_start >= tail_start) & (head_end <= tail_end)
        in_head = (head_start <= tail_start) & (head_end >= tail_end)
        nested = 2 * n_ranges + numpy.where(in_tail, 0, numpy.where(in_head, 1, 2))
        position = numpy.where(overlap, nested, position)
    return position.astype("int32")


_RANGES = numpy.searchsorted(DISTANCES, numpy.arange(DISTANCES[-1] + 1), "right") - 1


def _add_nothing(Y: Floats2d, pairs: Pairs) -> None:
    pass


def _no_backprop(dY: Floats2d) -> None:
    pass
