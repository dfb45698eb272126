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

    model (Model): A RelationModel that has an attention context, trained.
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
    attention = _get_attention_layer(model)
    for i, rows, weights in get_attention(attention, (tokens, entities, pairs)):
        if not docs[i].has_annotation("SENT_START"):
            continue
        sents = list(docs[i].sents)
        starts = numpy.asarray([sent.start for sent in sents])
        of_sents = numpy.add.reduceat(to_numpy(weights), starts, axis=1)
        for row, column in zip(*(of_sents >= share).nonzero()):
            found[rows.start + row].append(sents[column])
    return found


def check_evidence_share(name: str, model: Model, share: float) -> None:
    """Check that evidence can be found.

    name (str): The component, for the errors.
    model (Model): Its model.
    share (float): The least share of the attention.
    RAISES (ValueError): Where the share does not lie between 0 and 1, or the model
        has no attention context.
    """
    if not 0 <= share <= 1:
        raise ValueError(
            f"{name}: evidence_share must lie between 0 and 1, or be null for no evidence, "
            f"found: {share}"
        )
    if _get_attention_layer(model) is None:
        raise ValueError(
            f'{name}: evidence_share needs a model that has context = "attention", or a list '
            "with it, as its attention tells what is evidence"
        )


def _get_attention_layer(model: Model) -> Optional[Model]:
    """None where the model has none, or is another than a RelationModel."""
    score = model.maybe_get_ref("score_pairs")
    context = None if score is None else score.maybe_get_ref("context")
    layers = [] if context is None else context.walk()
    return next((layer for layer in layers if layer.name == "attention_context"), None)
