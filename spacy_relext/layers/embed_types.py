from typing import Callable, Tuple

from thinc.api import HashEmbed, Model
from thinc.types import Floats2d

from ..pairs import Pairs

N_ROWS = 500


def embed_types(nO: int) -> Model[Pairs, Floats2d]:
    """A vector of the label of each entity.

    nO (int): Width of the vector.
    """
    return Model(
        "embed_types", forward, init=init, layers=[HashEmbed(nO, N_ROWS)], dims={"nO": nO}
    )


def forward(
    model: Model[Pairs, Floats2d], pairs: Pairs, is_train: bool
) -> Tuple[Floats2d, Callable]:
    labels = model.ops.asarray1i(pairs.label, dtype="uint64")
    Y, backprop = model.layers[0](labels, is_train)

    def backprop_labels(dY: Floats2d) -> Pairs:
        if len(dY):
            backprop(dY)
        return pairs

    return Y, backprop_labels


def init(model: Model, X=None, Y=None) -> None:
    model.layers[0].initialize()
