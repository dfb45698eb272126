"""The sentences that tell of a relation, by what the model goes by."""

import warnings
from typing import Iterator, List, Optional, Sequence, Tuple

import numpy
from spacy.tokens import Doc, Span
from thinc.api import Model, to_numpy
from thinc.types import Floats2d, Ints1d

from .layers.attention_context import get_attention
from .layers.flatten_tokens import Tokens
from .layers.score_pairs import iter_scores
from .pairs import Pairs


def find_evidence(
    model: Model, docs: Sequence[Doc], pairs: Pairs, outputs: Ints1d, share: float
) -> List[List[Span]]:
    """The sentences with a share of what a relation is found by: of the attention of its
    pair, or of the scores of its pairs of mentions where the model pools those. Attention
    as evidence is the idea of Ma et al. 2023, "DREEAM: Guiding Attention with Evidence
    for Improving Document-Level Relation Extraction"; it names them well only where it was
    trained with `evidence_weight`.

    model (Model): A RelationModel that has such, trained.
    docs (Sequence[Doc]): The docs. Those without sentence boundaries have no evidence,
        which a warning tells.
    pairs (Pairs): The pair of each relation, in the order of the docs.
    outputs (Ints1d): For each relation the output of the model that scores its label.
    share (float): The least share, 0 to 1.
    RETURNS (List[List[Span]]): For each relation its sentences, in text order.
    """
    found: List[List[Span]] = [[] for _ in range(len(pairs))]
    if not len(pairs):
        return found
    related = numpy.unique(pairs.doc[pairs.head])
    if not all(docs[i].has_annotation("SENT_START") for i in related):
        warnings.warn(
            "evidence_share is given, but a doc with relations has no sentence boundaries, "
            "so they get no evidence. Put a component that sets them before the "
            "relation_extractor ('sentencizer', 'senter' or 'parser')."
        )
    tokens, _ = model.layers[0].predict((docs, pairs))
    if model.get_ref("score_pairs").attrs["of_mentions"]:
        shares = _share_scores(model, docs, tokens, pairs, outputs)
    else:
        shares = _share_attention(model, docs, tokens, pairs)
    for i, rows, of_sents in shares:
        sents = list(docs[i].sents)
        for row, column in zip(*(of_sents >= share).nonzero()):
            found[rows.start + row].append(sents[column])
    return found


# The index of a doc, some relations, and the share of each sentence for each of them.
Shares = Iterator[Tuple[int, slice, numpy.ndarray]]


def _share_attention(
    model: Model, docs: Sequence[Doc], tokens: Tokens, pairs: Pairs
) -> Shares:
    """Relations of one pair, which follow each other, have the same."""
    first = numpy.ones(len(pairs), dtype="bool")
    first[1:] = (numpy.diff(pairs.head) != 0) | (numpy.diff(pairs.tail) != 0)
    number = numpy.cumsum(first) - 1
    pairs = pairs.select(first)
    entities = model.get_ref("score_pairs").layers[0].predict((tokens, pairs))
    layer = _get_attention_layer(model)
    for i, rows, weights in get_attention(layer, (tokens, entities, pairs)):
        if docs[i].has_annotation("SENT_START"):
            starts = numpy.asarray([sent.start for sent in docs[i].sents])
            of_sents = numpy.add.reduceat(to_numpy(weights), starts, axis=1)
            relations = slice(*numpy.searchsorted(number, [rows.start, rows.stop]))
            yield i, relations, of_sents[number[relations] - rows.start]


def _share_scores(
    model: Model, docs: Sequence[Doc], tokens: Tokens, pairs: Pairs, outputs: Ints1d
) -> Shares:
    """A pair of mentions counts for the sentences of both, once where it is one."""
    score = model.get_ref("score_pairs")
    done = 0
    for block, counts, of_block in iter_scores(score, (tokens, pairs)):
        scores = to_numpy(of_block)
        ends = numpy.cumsum(counts)
        for row, (start, end) in enumerate(zip(ends - counts, ends), start=done):
            i = int(pairs.doc[pairs.head[row]])
            if docs[i].has_annotation("SENT_START"):
                weights = _softmax(scores[start:end, outputs[row]])
                bounds = numpy.asarray([sent.start for sent in docs[i].sents])
                head, tail = (block.start[x[start:end]] for x in (block.head, block.tail))
                of_sents = _sum_by_sentence(weights, bounds, head, tail)
                yield i, slice(row, row + 1), of_sents
        done += len(counts)


def _softmax(scores: Floats2d) -> numpy.ndarray:
    shares = numpy.exp(scores - scores.max())
    return shares / shares.sum()


def _sum_by_sentence(
    weights: numpy.ndarray, bounds: Ints1d, head: Ints1d, tail: Ints1d
) -> numpy.ndarray:
    of_head, of_tail = (numpy.searchsorted(bounds, x, "right") - 1 for x in (head, tail))
    total = numpy.zeros((1, len(bounds)))
    numpy.add.at(total[0], of_head, weights)
    numpy.add.at(total[0], of_tail, numpy.where(of_head == of_tail, 0, weights))
    return total


def check_evidence_share(name: str, model: Model, share: float) -> None:
    """Check that evidence can be found.

    name (str): The component, for the errors.
    model (Model): Its model.
    share (float): The least share of the attention.
    RAISES (ValueError): Where the share does not lie between 0 and 1, or the model
        has neither an attention context nor pools scores.
    """
    if not 0 <= share <= 1:
        raise ValueError(
            f"{name}: evidence_share must lie between 0 and 1, or be null for no evidence, "
            f"found: {share}"
        )
    score = model.maybe_get_ref("score_pairs")
    pools_scores = score is not None and score.attrs["of_mentions"]
    if not pools_scores and _get_attention_layer(model) is None:
        raise ValueError(
            f'{name}: evidence_share needs a model that has mention_pooling = "scores", or '
            'context = "attention", as its scores or its attention tell what is evidence'
        )


def check_evidence_weight(name: str, model: Model, weight: float) -> None:
    """Check that attention to evidence can be learnt.

    name (str): The component, for the errors.
    model (Model): Its model.
    weight (float): Factor on the loss.
    RAISES (ValueError): Where the weight is negative, or the model has no attention
        context for pairs of entities.
    """
    if not weight >= 0:
        raise ValueError(f"{name}: evidence_weight must be at least 0, found: {weight}")
    layer = _get_attention_layer(model)
    if layer is None or model.get_ref("score_pairs").attrs["of_mentions"]:
        raise ValueError(
            f'{name}: evidence_weight needs a model that has context = "attention", and '
            'another mention_pooling than "scores", as it is the attention that learns'
        )


def _get_attention_layer(model: Model) -> Optional[Model]:
    """None where the model has none, or is another than a RelationModel."""
    score = model.maybe_get_ref("score_pairs")
    context = None if score is None else score.maybe_get_ref("context")
    layers = [] if context is None else context.walk()
    return next((layer for layer in layers if layer.name == "attention_context"), None)
