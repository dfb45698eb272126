"""A listener to a shared transformer, for docs that are longer than its window.

Not one of the layers, which do without spacy-transformers.
"""

import warnings
from typing import Callable, List, Tuple

import numpy
from spacy.tokens import Doc
from spacy.util import registry
from spacy_transformers.data_classes import TransformerData
from spacy_transformers.layers import TransformerListener, trfs2arrays
from spacy_transformers.layers.listener import forward as listen
from thinc.api import Model, chain, to_numpy
from thinc.types import Floats2d, Ints1d, Ragged


@registry.architectures("spacy-relext.TransformerListener.v1")
def build_transformer_listener(
    pooling: Model[Ragged, Floats2d], grad_factor: float = 1.0, upstream: str = "*"
) -> Model[List[Doc], List[Floats2d]]:
    """Listen to a shared transformer as spacy-transformers' own listener does, but take
    each token from one window: where windows overlap, from that in which it has the
    most context. The other listener averages what all of them make of it.

    `Language.replace_listeners` puts a transformer in its place that averages, too.

    pooling (Model[Ragged, Floats2d]): Makes a token's vector of those of its pieces.
    grad_factor (float): Factor on the gradient that goes to the transformer.
    upstream (str): Name of the transformer, "*" for any.
    RETURNS (Model[List[Doc], List[Floats2d]]): The listener.
    """
    listener = MostContextListener(upstream)
    model: Model = chain(listener, trfs2arrays(pooling, grad_factor))
    model.set_ref("listener", listener)
    return model


class MostContextListener(TransformerListener):
    """Align each token with its pieces in one window alone, that in which the fewest
    pieces on its shorter side are the most.

    The layers are as many as with the other listener: spaCy saves what it puts in the
    place of either as if it were the other's.
    """

    def __init__(self, upstream_name: str) -> None:
        super().__init__(upstream_name)
        Model.__init__(self, name=self.name, forward=forward, dims={"nO": None})


def forward(
    model: MostContextListener, docs: List[Doc], is_train: bool
) -> Tuple[List[TransformerData], Callable]:
    trf_datas, backprop = listen(model, docs, is_train)
    for doc, trf_data in zip(docs, trf_datas):
        _warn_of_cut_windows(doc, trf_data)
    return [_select_windows(trf_data) for trf_data in trf_datas], backprop


def _warn_of_cut_windows(doc: Doc, trf_data: TransformerData) -> None:
    """The encoder cuts windows off that are too long for it, without a word on it. A
    token may have no piece for another reason: what the tokenizer drops. A window that
    is cut off ends with a piece of a token, where others have a special piece or
    padding.

    Docs whose tokens were merged or split since are told of elsewhere."""
    unread = to_numpy(trf_data.align.lengths) == 0
    if len(unread) != len(doc) or not (unread[1:] & unread[:-1]).any():
        return
    width = trf_data.wordpieces.attention_mask.shape[1]
    if not (to_numpy(trf_data.align.dataXd) % width == width - 1).any():
        return
    unread &= doc.to_array("IS_SPACE") == 0
    if (unread[1:] & unread[:-1]).any():
        warnings.warn(
            f"The transformer has not read {unread.sum()} of {len(doc)} tokens of a doc: "
            "its windows have more pieces than its encoder reads, and are cut off. Lower "
            "window and stride in [components.transformer.model.get_spans]. The doc: "
            f"{doc.text[:50]!r}"
        )


def _select_windows(trf_data: TransformerData) -> TransformerData:
    hidden = trf_data.model_output.get("last_hidden_state")
    if hidden is None or hidden.ndim < 3 or len(hidden) < 2:
        return trf_data
    pieces = to_numpy(trf_data.align.dataXd)
    lengths = to_numpy(trf_data.align.lengths)
    n_pieces = to_numpy(trf_data.wordpieces.attention_mask).sum(axis=1).astype("int64")
    keep = choose_windows(pieces, lengths, hidden.shape[1], n_pieces)
    token = numpy.repeat(numpy.arange(len(lengths)), lengths)
    kept = numpy.bincount(token[keep], minlength=len(lengths)).astype(lengths.dtype)
    return TransformerData(
        wordpieces=trf_data.wordpieces,
        model_output=trf_data.model_output,
        align=Ragged(pieces[keep], kept),
    )


def choose_windows(
    pieces: Ints1d, lengths: Ints1d, width: int, n_pieces: Ints1d
) -> Ints1d:
    """Which pieces of a doc's tokens to take.

    pieces (Ints1d): For each token its pieces in all windows, ascending, as indices
        into the windows one after the other.
    lengths (Ints1d): For each token the number of its pieces.
    width (int): Number of pieces of a window with its padding.
    n_pieces (Ints1d): For each window the number of its pieces without padding.
    RETURNS (Ints1d): Which of `pieces` are in the window in which their token has the
        most context, as booleans.
    """
    if not len(pieces):
        return numpy.zeros(0, dtype=bool)
    token = numpy.repeat(numpy.arange(len(lengths)), lengths)
    window, place = pieces // width, pieces % width
    room = numpy.minimum(place, n_pieces[window] - 1 - place)
    # Runs of pieces of one token in one window.
    is_first = numpy.ones(len(pieces), dtype=bool)
    is_first[1:] = (numpy.diff(token) != 0) | (numpy.diff(window) != 0)
    starts = numpy.flatnonzero(is_first)
    context = numpy.minimum.reduceat(room, starts)
    order = numpy.lexsort((starts, -context, token[starts]))
    of_token = token[starts][order]
    best = order[numpy.diff(of_token, prepend=-1) > 0]
    chosen = numpy.zeros(len(starts), dtype=bool)
    chosen[best] = True
    return chosen[numpy.cumsum(is_first) - 1]
