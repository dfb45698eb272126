from functools import partial
from typing import Callable, Optional, Tuple

from thinc.api import Model, glorot_uniform_init, zero_init
from thinc.layers.linear import init
from thinc.types import Floats2d

from .matmul import matmul


def linear(nO: Optional[int] = None) -> Model[Floats2d, Floats2d]:
    """Thinc's `Linear` with the matrix product of torch, see `matmul`.

    nO (Optional[int]): Width of the output.
    """
    return Model(
        "linear",
        forward,
        init=partial(init, glorot_uniform_init, zero_init),
        dims={"nO": nO, "nI": None},
        params={"W": None, "b": None},
    )


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable]:
    W = model.get_param("W")
    Y = matmul(X, W.T)
    Y += model.get_param("b")

    def backprop(dY: Floats2d) -> Floats2d:
        model.inc_grad("W", matmul(dY.T, X))
        model.inc_grad("b", dY.sum(axis=0))
        return matmul(dY, W)

    return Y, backprop
