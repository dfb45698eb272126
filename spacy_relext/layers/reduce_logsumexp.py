from typing import Callable, Tuple

from thinc.api import Ops
from thinc.types import Floats2d, Ints1d


def reduce_logsumexp(
    ops: Ops, X: Floats2d, lengths: Ints1d
) -> Tuple[Floats2d, Callable[[Floats2d], Floats2d]]:
    """The logarithm of the sum of exponentials of the rows of each run, a smooth maximum
    that grows with their number.

    ops (Ops): The ops.
    X (Floats2d): The rows.
    lengths (Ints1d): Number of rows of each run, at least one, on the device of `X`.
    RETURNS (Tuple[Floats2d, Callable]): A row a run, and the backpropagation.
    """
    if not len(X):
        return X, _same
    run = ops.xp.repeat(ops.xp.arange(len(lengths)), lengths.tolist())
    largest, _ = ops.reduce_max(X, lengths)
    shares = ops.xp.exp(X - largest[run])
    total = ops.reduce_sum(shares, lengths)
    shares /= total[run]

    def backprop(dY: Floats2d) -> Floats2d:
        return shares * dY[run]

    return largest + ops.xp.log(total), backprop


def _same(dY: Floats2d) -> Floats2d:
    return dY
