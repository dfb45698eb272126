from typing import Callable, List, Tuple

import numpy
from thinc.api import Model
from thinc.types import Floats2d, Ints1d

# The vectors of all tokens of a batch, and the number of tokens of each doc. The
# lengths stay in main memory, where the bounds of the entities are.
Tokens = Tuple[Floats2d, Ints1d]


def flatten_tokens() -> Model[List[Floats2d], Tokens]:
    """Concatenate the token vectors of a batch of docs. Like `list2ragged`, but
    docs without tokens may come with any width, as they do from a transformer.
    """
    return Model("flatten_tokens", forward)


def forward(
    model: Model[List[Floats2d], Tokens], Xs: List[Floats2d], is_train: bool
) -> Tuple[Tokens, Callable]:
    lengths = numpy.asarray([len(X) for X in Xs], dtype="int32")
    filled = [X for X in Xs if len(X)]
    flat = model.ops.xp.concatenate(filled) if filled else model.ops.alloc2f(0, 0)

    def backprop(d_flat: Floats2d) -> List[Floats2d]:
        bounds = numpy.cumsum(lengths)
        return [
            d_flat[end - length : end] if length else model.ops.alloc2f(*X.shape)
            for X, end, length in zip(Xs, bounds, lengths)
        ]

    return (flat, lengths), backprop
