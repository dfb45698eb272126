from typing import Callable, List, Optional, Tuple

import numpy
from thinc.api import Embed, Model
from thinc.types import Floats2d, Ints1d

from ..pairs import Pairs, count_between
from .flatten_tokens import Tokens
from .linear import linear

# Tokens between the mentions: 0 to 4 apart, then by ranges.
DISTANCES = numpy.asarray([0, 1, 2, 3, 4, 5, 8, 12, 16, 24, 32, 64])
N_POSITIONS = 2 * len(DISTANCES) + 3


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
) -> Model[Tuple[Tokens, Pairs], Floats2d]:
    """The scores of each pair, from the vectors of its two entities.

    What is computed once an entity (one projection as head, one as tail) is added to
    what the pair alone knows (distance and order, context): to all of it, or head and
    tail to one half each. What comes of it is joined, and scored.

    entities (Model[Tuple[Tokens, Pairs], Floats2d]): Makes the entity vectors.
    join (Model[Floats2d, Floats2d]): Makes one vector a pair of the sums.
    output (Model[Floats2d, Floats2d]): Scores what `join` made.
    width (int): Width of the projections of head and tail.
    pair_width (int): Width of what the pair alone knows: the same, or twice as much,
        for head and tail side by side.
    distance (bool): Whether a pair knows distance and order of its mentions.
    context (Optional[Model]): Makes context vectors, see `max_context`.
    block_size (int): Number of pairs scored at a time in prediction; this bounds
        the memory.
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
        dims={"nO": None},
        attrs={"block_size": block_size, "pair_width": pair_width},
    )


def forward(
    model: Model, inputs: Tuple[Tokens, Pairs], is_train: bool
) -> Tuple[Floats2d, Callable]:
    tokens, pairs = inputs
    ops = model.ops
    entities, output, as_head, as_tail, join = model.layers[:5]
    width = as_head.get_dim("nO")
    E, backprop_entities = entities(inputs, is_train)
    H, backprop_head = as_head(E, is_train)
    T, backprop_tail = as_tail(E, is_train)
    add_distance, backprop_distance = _distance(model, is_train)
    add_context, backprop_context = _context(model, (tokens, E, pairs), is_train)

    def pair_vectors(pairs: Pairs) -> Floats2d:
        Y = H[ops.asarray1i(pairs.head)]
        if model.attrs["pair_width"] == width:
            Y += T[ops.asarray1i(pairs.tail)]
        else:
            Y = ops.xp.hstack([Y, T[ops.asarray1i(pairs.tail)]])
        add_distance(Y, pairs)
        add_context(Y, pairs)
        return Y

    if not is_train:
        n_pairs, size = len(pairs), model.attrs["block_size"]
        scores = ops.alloc2f(n_pairs, model.get_dim("nO"), zeros=False)
        for i in range(0, n_pairs, size):
            block = pairs.select(slice(i, i + size))
            scores[i : i + size] = output.predict(join.predict(pair_vectors(block)))
        return scores, _no_backprop

    joined, backprop_join = join(pair_vectors(pairs), is_train)
    scores, backprop_output = output(joined, is_train)

    def backprop(d_scores: Floats2d) -> Tuple[Floats2d, Pairs]:
        dY = backprop_join(backprop_output(d_scores))
        dH, dT = ops.alloc2f(*H.shape), ops.alloc2f(*T.shape)
        # The same where head and tail are not side by side.
        of_head, of_tail = dY[:, :width], dY[:, dY.shape[1] - width :]
        ops.scatter_add(dH, ops.asarray1i(pairs.head), ops.as_contig(of_head))
        ops.scatter_add(dT, ops.asarray1i(pairs.tail), ops.as_contig(of_tail))
        backprop_distance(dY)
        d_tokens, dE = backprop_context(dY)
        dE += backprop_head(dH) + backprop_tail(dT)
        return d_tokens + backprop_entities(dE), pairs

    return scores, backprop


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
