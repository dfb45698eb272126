from typing import Callable, Tuple

from thinc.api import Model
from thinc.types import Floats2d

from ..pairs import Pairs
from .flatten_tokens import Tokens

Context = Model[Tuple[Tokens, Floats2d, Pairs], Callable]


def sum_contexts(*contexts: Context) -> Context:
    """What a pair sees in several ways, such as what stands between its mentions and
    what matters anywhere in the doc: the sum of the layers.

    contexts (Model): Layers such as `max_context`, of the same width.
    """
    return Model("sum_contexts", forward, init=init, layers=contexts)


def forward(
    model: Model, inputs: Tuple[Tokens, Floats2d, Pairs], is_train: bool
) -> Tuple[Callable[[Pairs], Floats2d], Callable]:
    lookups, callbacks = zip(*(layer(inputs, is_train) for layer in model.layers))

    def look(pairs: Pairs) -> Floats2d:
        return sum(lookup(pairs) for lookup in lookups)

    def backprop(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
        d_tokens, d_entities = zip(*(callback(dY) for callback in callbacks))
        return sum(d_tokens), sum(d_entities)

    return look, backprop


def init(model: Model, X=None, Y=None) -> None:
    for layer in model.layers:
        layer.initialize(X=X)
