from typing import Callable, List, Tuple

import numpy
from thinc.api import Model
from thinc.types import Floats2d, Ints1d

from ..pairs import Pairs
from .flatten_tokens import Tokens
from .linear import linear


def max_context(nO: int) -> Model[Tuple[Tokens, Floats2d, Pairs], Callable]:
    """What stands between the closest mentions of a pair: the maximum over the projected
    tokens between them, zeros where there are none.

    The output is a function from Pairs to Floats2d, so that the pairs can come in
    blocks; what all pairs share is computed once. A maximum over any range of
    tokens is that of two entries of a table of maxima over power-of-two ranges
    (Bender and Farach-Colton 2000, "The LCA Problem Revisited", section 3). As
    ranges begin and end where mentions do, the table's first row holds the maxima
    of the segments between such places, not of single tokens.
    """
    return Model(
        "max_context", forward, init=init, layers=[linear(nO)], dims={"nO": nO}
    )


def forward(
    model: Model, inputs: Tuple[Tokens, Floats2d, Pairs], is_train: bool
) -> Tuple[Callable[[Pairs], Floats2d], Callable]:
    (X, lengths), entities, pairs = inputs
    ops, nO = model.ops, model.get_dim("nO")
    projected, backprop_projected = model.layers[0](X, is_train)
    starts, ends = pairs.flat_bounds(lengths)
    bounds = numpy.unique(numpy.concatenate([starts, ends, [0, len(X)]]))
    first, last = numpy.searchsorted(bounds, ends), numpy.searchsorted(bounds, starts)
    maxima, which = ops.reduce_max(projected, ops.asarray1i(numpy.diff(bounds)))
    # Below, `which` is the token that a maximum stems from; the row after the last
    # one stands for an empty range, the token after the last one for its origin.
    which += ops.asarray1i(bounds[:-1])[:, None] if len(bounds) > 1 else 0
    begin, stop = _segments(first, last, pairs)
    n_levels = int(max((stop - begin).max(initial=1), 1)).bit_length()
    level_maxima, level_which = _build_levels(ops.xp, maxima, which, n_levels, is_train)
    n_rows = [len(level) for level in level_maxima]
    offset = numpy.cumsum([0, *n_rows])
    table = ops.xp.concatenate([*level_maxima, ops.alloc2f(1, nO)])
    n_bits = numpy.frexp(numpy.arange(2**n_levels))[1] - 1
    chosen: List = []

    def between(pairs: Pairs) -> Floats2d:
        begin, stop = _segments(first, last, pairs)
        level = n_bits[numpy.maximum(stop - begin, 1)]
        is_empty = stop <= begin
        left = numpy.where(is_empty, offset[-1], offset[level] + begin)
        right = numpy.where(is_empty, offset[-1], offset[level] + stop - (1 << level))
        left, right = ops.asarray1i(left), ops.asarray1i(right)
        chosen[:] = (left, right)
        return ops.xp.maximum(table[left], table[right])

    def backprop(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
        d_projected = ops.alloc2f(len(X) + 1, nO)
        if len(dY):
            left, right = chosen
            none = ops.xp.full((1, nO), len(X), dtype=which.dtype)
            origin = ops.xp.concatenate([*level_which, none])
            source = ops.xp.where(
                table[left] >= table[right], origin[left], origin[right]
            )
            cells = source.astype("int64") * nO + ops.xp.arange(nO)
            ops.scatter_add(d_projected.reshape(-1), cells.reshape(-1), dY.reshape(-1))
        dX = backprop_projected(ops.as_contig(d_projected[:-1]))
        return dX, ops.xp.zeros_like(entities)

    return between, backprop


def init(model: Model, X=None, Y=None) -> None:
    if X is not None:
        model.layers[0].initialize(X=X[0][0])


def _segments(first: Ints1d, last: Ints1d, pairs: Pairs) -> Tuple[Ints1d, Ints1d]:
    """The range of segments between the two closest mentions of each pair."""
    head, tail = pairs.closest
    begin = numpy.minimum(first[head], first[tail])
    stop = numpy.maximum(last[head], last[tail])
    return begin, stop


def _build_levels(xp, maxima: Floats2d, which, n_levels: int, is_train: bool):
    """Level k holds the maxima of 2**k segments from each one on."""
    level_maxima, level_which = [maxima], [which]
    for k in range(1, n_levels):
        half = 1 << (k - 1)
        left, right = level_maxima[-1][:-half], level_maxima[-1][half:]
        level_maxima.append(xp.maximum(left, right))
        if is_train:
            of_left, of_right = level_which[-1][:-half], level_which[-1][half:]
            level_which.append(xp.where(left >= right, of_left, of_right))
    return level_maxima, level_which
