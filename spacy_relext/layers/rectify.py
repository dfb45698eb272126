from typing import Callable, Tuple

from thinc.api import Model
from thinc.types import Floats2d


def rectify() -> Model[Floats2d, Floats2d]:
    """Negative values become zero, in place."""
    return Model("rectify", forward)


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable]:
    Y = model.ops.xp.maximum(X, 0, out=X)

    def backprop(dY: Floats2d) -> Floats2d:
        return model.ops.backprop_relu(dY, Y)

    return Y, backprop
