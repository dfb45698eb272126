from typing import Callable, Tuple

from thinc.api import Model
from thinc.types import Floats2d


def group_bilinear(group_width: int) -> Model[Floats2d, Floats2d]:
    """All products of a head's and a tail's features within groups, of which a linear
    output makes a bilinear form for each label.

    The input is the vectors of head and tail side by side, each of a width that
    `group_width` divides; of width W, the output is of width W * group_width (Zhou et
    al. 2021, "Document-Level Relation Extraction with Adaptive Thresholding and
    Localized Context Pooling", equation 5).

    group_width (int): Number of features that are multiplied with each other.
    """
    return Model("group_bilinear", forward, attrs={"group_width": group_width})


def forward(
    model: Model[Floats2d, Floats2d], X: Floats2d, is_train: bool
) -> Tuple[Floats2d, Callable]:
    group_width = model.attrs["group_width"]
    X = model.ops.xp.tanh(X)
    # (pairs, head or tail, groups, features)
    groups = X.reshape(len(X), 2, X.shape[1] // (2 * group_width), group_width)
    head, tail = groups[:, 0, :, :, None], groups[:, 1, :, None, :]
    products = head * tail

    def backprop(dY: Floats2d) -> Floats2d:
        d_products = dY.reshape(products.shape)
        d_head = (d_products * tail).sum(axis=3)
        d_tail = (d_products * head).sum(axis=2)
        d_groups = model.ops.xp.stack([d_head, d_tail], axis=1)
        return d_groups.reshape(X.shape) * (1 - X**2)

    return products.reshape(len(X), X.shape[1] // 2 * group_width), backprop
