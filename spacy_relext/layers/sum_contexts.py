from typing import Callable, List, Tuple

from thinc.api import Model
from thinc.types import Floats2d

from ..pairs import Pairs
from .flatten_tokens import Tokens

Context = Model[Tuple[Tokens, Floats2d, Pairs], Callable]


def sum_contexts(contexts: List[Context]) -> Context:
    """The sum of several context vectors of each pair, as a function from Pairs to
    Floats2d like each of them.

    contexts (List[Model]): Layers such as `max_context` and `attention_context`, of one
        output width.
    """
    return Model("sum_contexts", forward, init=init, layers=contexts)


def forward(
    model: Model, inputs: Tuple[Tokens, Floats2d, Pairs], is_train: bool
) -> Tuple[Callable[[Pairs], Floats2d], Callable]:
    lookups, callbacks = zip(*(layer(inputs, is_train) for layer in model.layers))

    def add(pairs: Pairs) -> Floats2d:
        first, *others = (lookup(pairs) for lookup in lookups)
        for other in others:
            first += other
        return first

    def backprop(dY: Floats2d) -> Tuple[Floats2d, Floats2d]:
        (d_tokens, d_entities), *others = (callback(dY) for callback in callbacks)
        for of_tokens, of_entities in others:
            d_tokens += of_tokens
            d_entities += of_entities
        return d_tokens, d_entities

    return add, backprop


def init(model: Model, X=None, Y=None) -> None:
    for layer in model.layers:
        layer.initialize(X=X)
