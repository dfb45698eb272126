"""The sentences that tell of a relation, by what the model looks at."""

from typing import List, Optional, Sequence

import numpy
from spacy.tokens import Doc, Span
from thinc.api import Model, to_numpy

from .layers.attention_context import get_attention
from .pairs import Pairs


def find_evidence(
    model: Model, docs: Sequence[Doc], pairs: Pairs, share: float
) -> List[List[Span]]:
    """The sentences with a share of the attention of a pair; the idea is that of Ma et
    al. 2023, "DREEAM: Guiding Attention with Evidence for Improving Document-Level
    Relation Extraction", without the guidance.

    model (Model): A RelationModel with attention in its `context`, trained.
    docs (Sequence[Doc]): The docs. Those without sentence boundaries have no evidence.
    pairs (Pairs): The pairs, in the order of the docs.
    share (float): The least share of the attention, 0 to 1.
    RETURNS (List[List[Span]]): For each pair its sentences, in text order.
    """
    found: List[List[Span]] = [[] for _ in range(len(pairs))]
    if not len(pairs):
        return found
    tokens, _ = model.layers[0].predict((docs, pairs))
    score = model.get_ref("score_pairs")
    entities = score.layers[0].predict((tokens, pairs))
    attention = _find_attention(model)
    for i, rows, weights in get_attention(attention, (tokens, entities, pairs)):
        if not docs[i].has_annotation("SENT_START"):
            continue
        sents = list(docs[i].sents)
        starts = numpy.asarray([sent.start for sent in sents])
        of_sents = numpy.add.reduceat(to_numpy(weights), starts, axis=1)
        for row, column in zip(*(of_sents >= share).nonzero()):
            found[rows.start + row].append(sents[column])
    return found


def can_find_evidence(model: Model) -> bool:
    """Whether a model looks at tokens of its own choice.

    model (Model): The model.
    RETURNS (bool): Whether it has an attention context.
    """
    return _find_attention(model) is not None


def _find_attention(model: Model) -> Optional[Model]:
    score = model.maybe_get_ref("score_pairs")
    context = None if score is None else score.maybe_get_ref("context")
    layers = [] if context is None else context.walk()
    return next((layer for layer in layers if layer.name == "attention_context"), None)
