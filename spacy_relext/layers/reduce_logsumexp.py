from typing import Callable, Tuple

import numpy
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d


def reduce_logsumexp(
    ops: Ops, X: Floats2d, lengths: Ints1d
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The logarithm of the sum of exponentials of the rows of each run, a smooth maximum
    that grows with their number.

    ops (Ops): The ops.
    X (Floats2d): The rows.
    lengths (Ints1d): Number of rows of each run, at least one, in main memory.
    RETURNS (Tuple[Floats2d, Callable]): A row a run, and the backpropagation.
    """
    if not len(X):
        return X, unchanged
    run = ops.asarray1i(numpy.repeat(numpy.arange(len(lengths)), lengths))
    n_rows = ops.asarray1i(lengths)
    largest, _ = ops.reduce_max(X, n_rows)
    shares = ops.xp.exp(X - largest[run])
    total = ops.reduce_sum(shares, n_rows)
    shares /= total[run]

    def backprop(dY: Floats2d) -> Floats2d:
        return shares * dY[run]

    return largest + ops.xp.log(total), backprop


def unchanged(dY: Floats2d) -> Floats2d:
    """The backpropagation of what does nothing."""
    return dY
