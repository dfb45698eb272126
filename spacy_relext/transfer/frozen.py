"""Features from a frozen encoder, computed once a doc and not once an epoch.

What is kept belongs to a run of training and not to the pipeline. So it is a callback
of initialisation that changes the encoder in memory, where an architecture around it
would be saved with the pipeline, fill the memory of whoever uses that, and be out of
reach of an encoder that comes by `source`; and a corpus reader with tensors would tie
the data to the weights.
"""

from collections import OrderedDict
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy
from spacy.attrs import ORTH, SPACY
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import registry
from spacy_transformers import Transformer
from spacy_transformers.data_classes import FullTransformerBatch, TransformerData
from spacy_transformers.layers import TransformerModel
from thinc.api import Ops, to_numpy
from thinc.types import Floats2d, Floats3d, Ints1d, Ragged

NAME = "spacy-relext.frozen_encoder.v1"
# Number of texts of a streamed corpus among which one has to come again. Of most of them
# only the tokens are kept, half a kB each.
RECENT = 100_000

# What the encoder sees of a doc: its tokens, and the spans that it is cut into.
Key = Tuple[bytes, Tuple[Tuple[int, int], ...]]
# Vectors of the word pieces (spans, pieces, width), which of them are no padding (spans,
# pieces), and the alignment of the tokens.
Features = Tuple[Floats3d, Floats2d, Ints1d, Ints1d]


@registry.callbacks("spacy-relext.frozen_encoder.v1")
def create_frozen_encoder(
    component: str = "transformer", max_docs: Optional[int] = None
) -> Callable[[Language], Language]:
    """Load the weights of a frozen transformer, and keep what it makes of each doc
    for as long as the process lasts. For `[initialize.before_init]`, with

        [training]
        frozen_components = ["transformer"]
        annotating_components = ["transformer"]

    spaCy does not initialise frozen components, so that without this callback only a
    transformer that comes by `source` can be frozen.

    Of the output the last hidden state and the attention mask are kept, which is all
    that listeners use, in the memory of the CPU: 4 bytes times the encoder's width a word
    piece, and 4 for the mask. That is 1.5 kB at a width of 384 and 3 kB at 768; English
    has about 1.3 word pieces a token. All windows of a doc are kept as long as its longest,
    and pieces in the overlap of two count twice. The saved pipeline is as it would be
    without the callback. An `annotation_setter` finds `doc_data` in its batch and nothing
    else.

    With `training.max_epochs = -1` the corpus is streamed: it may be larger than the
    memory, and what an augmenter changes is another text in each epoch. Then a doc is
    kept when it comes a second time, and dropped when 100,000 others have come since.
    So one that comes in each epoch is encoded twice, and not once as otherwise.

    component (str): The name of the transformer.
    max_docs (Optional[int]): Number of docs to keep, the first that come, those of
        evaluation included; None for all. Old ones do not make room for new ones:
        as each comes once an epoch, most would be gone before they come again.
    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): Where `max_docs` is below 1; from the callback where the
        component is not a transformer; in training where it is not frozen.
    RAISES (KeyError): From the callback: where the component is missing.
    """
    if max_docs is not None and max_docs < 1:
        raise ValueError(
            f"{NAME}: max_docs must be at least 1, or null for no limit, found: {max_docs}"
        )

    def prepare(nlp: Language) -> Language:
        pipe = _get_transformer(nlp, component)
        pipe.initialize(list, nlp=nlp)
        # A frozen component is disabled meanwhile and does not look for them itself.
        names = nlp.component_names
        for name in names[names.index(component) + 1 :]:
            pipe.find_listeners(nlp.get_pipe(name))
        model = pipe.model
        forward = model._func
        if isinstance(forward, KeptForward):
            forward = forward.forward
        # As in `spacy.training.loop`: else a corpus is read once.
        is_streamed = nlp.config.interpolate()["training"]["max_epochs"] < 0
        kept = KeptForward(forward, component, max_docs, is_streamed)
        model.replace_callbacks(kept, init=model.init)
        return nlp

    return prepare


class KeptForward:
    """The forward function of a transformer model that computes each doc once."""

    def __init__(
        self,
        forward: Callable,
        component: str,
        max_docs: Optional[int] = None,
        is_streamed: bool = False,
    ) -> None:
        """
        forward (Callable): The model's own forward function.
        component (str): The name of the transformer, for messages.
        max_docs (Optional[int]): Number of docs to keep; None for all.
        is_streamed (bool): Whether to keep only docs that come again.
        """
        self.forward = forward
        self._component = component
        self._max_docs = max_docs
        self._is_streamed = is_streamed
        self._kept: Dict[Key, Features] = {}
        # Of a streamed corpus, in the order in which they came last.
        self._recent: OrderedDict[Key, None] = OrderedDict()
        self._weights: List = []
        self._versions: List[int] = []

    def __len__(self) -> int:
        """RETURNS (int): The number of docs that are kept."""
        return len(self._kept)

    def __call__(
        self, model: TransformerModel, docs: Sequence[Doc], is_train: bool
    ) -> Tuple[FullTransformerBatch, Callable]:
        if is_train:
            raise ValueError(
                f"{NAME}: '{self._component}' is kept as it is, but was called to train. "
                "Name it in training.frozen_components and in "
                "training.annotating_components, or remove the callback from "
                "initialize.before_init."
            )
        self._forget_other_weights(model)
        docs = list(docs)
        keys = [_get_key(*pair) for pair in zip(docs, model.attrs["get_spans"](docs))]
        features = {key: self._kept[key] for key in keys if key in self._kept}
        missing = {
            key: doc
            for key, doc in zip(keys, docs)
            if key is not None and key not in features
        }
        if missing:
            batch, _ = self.forward(model, list(missing.values()), is_train=False)
            for key, data in zip(missing, batch.doc_data):
                features[key] = _get_features(data)
        for key, found in features.items():
            if self._is_streamed and not self._comes_again(key):
                continue
            if self._max_docs is None or len(self._kept) < self._max_docs:
                self._kept[key] = found
        output = FullTransformerBatch.empty(len(docs))
        output.cached_doc_data = [
            TransformerData.empty() if key is None else _get_data(model.ops, features[key])
            for key in keys
        ]
        return output, _no_backprop

    def _comes_again(self, key: Key) -> bool:
        """Note that a doc of a streamed corpus has come.

        RETURNS (bool): Whether it is one of the recent ones.
        """
        comes_again = key in self._recent
        self._recent[key] = None
        self._recent.move_to_end(key)
        if len(self._recent) > RECENT:
            oldest, _ = self._recent.popitem(last=False)
            self._kept.pop(oldest, None)
        return comes_again

    def _forget_other_weights(self, model: TransformerModel) -> None:
        """The training cannot change them, but loading into the model can, and
        so can writing to its parameters."""
        weights = list(model.transformer.parameters())
        versions = [weight._version for weight in weights]
        is_same = len(weights) == len(self._weights) and all(
            new is old for new, old in zip(weights, self._weights)
        )
        if not is_same or versions != self._versions:
            self._kept.clear()
            self._weights, self._versions = weights, versions


def _get_transformer(nlp: Language, component: str) -> Transformer:
    pipe = nlp.get_pipe(component)
    model = getattr(pipe, "model", None)
    if not isinstance(pipe, Transformer) or not isinstance(model, TransformerModel):
        raise ValueError(
            f"{NAME}: component must be a transformer with a "
            f"spacy-transformers.TransformerModel, found: {component!r}, which is a "
            f"{type(pipe).__name__} with {type(model).__name__}"
        )
    return pipe


def _get_key(doc: Doc, spans: Sequence[Span]) -> Optional[Key]:
    """None where there is nothing to encode."""
    if not any(len(span) for span in spans):
        return None
    tokens = doc.to_array([ORTH, SPACY]).tobytes()
    return tokens, tuple((span.start, span.end) for span in spans)


def _get_features(data: TransformerData) -> Features:
    """Without padding, which is another in each batch, and copied, as a slice
    would keep the output of the whole batch in memory."""
    mask = to_numpy(data.wordpieces.attention_mask)
    is_piece = mask.any(axis=0)
    vectors = to_numpy(data.model_output.last_hidden_state)[:, is_piece]
    span, column = numpy.divmod(to_numpy(data.align.dataXd), len(is_piece))
    rows = span * vectors.shape[1] + (numpy.cumsum(is_piece) - 1)[column]
    lengths = to_numpy(data.align.lengths).copy()
    return vectors, mask[:, is_piece], rows.astype("int32"), lengths


def _get_data(ops: Ops, features: Features) -> TransformerData:
    vectors, mask, rows, lengths = features
    data = TransformerData.empty()
    # In main memory, as from an encoder that runs: listeners look there.
    data.wordpieces.attention_mask = mask
    data.align = Ragged(rows, lengths)
    data.model_output["last_hidden_state"] = ops.asarray(vectors)
    return data


def _no_backprop(d_output: FullTransformerBatch) -> List[Doc]:
    return []
