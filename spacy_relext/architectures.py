"""The model of the relation extractor, composed of the layers."""

from typing import List, Optional, Tuple, Union

from spacy.tokens import Doc
from spacy.util import registry
from thinc.api import Dropout, Model, Relu, chain, with_getitem
from thinc.types import Floats2d

from .layers import (
    attention_context,
    embed_types,
    entity_vectors,
    flatten_tokens,
    group_bilinear,
    linear,
    max_context,
    measure_prominence,
    rectify,
    score_pairs,
    sum_contexts,
)
from .pairs import Pairs

# What `mention_pooling` calls it where scores are pooled, not vectors.
POOLED_SCORES = "scores"
CONTEXTS = {"max": max_context, "attention": attention_context}


@registry.architectures("spacy-relext.RelationModel.v1")
def build_relation_model(
    tok2vec: Model[List[Doc], List[Floats2d]],
    hidden_width: int = 128,
    depth: int = 1,
    pooling: str = "mean",
    mention_pooling: str = "logsumexp",
    type_width: int = 32,
    prominence: bool = False,
    distance: bool = True,
    context: Union[None, str, List[str]] = "max",
    group_width: int = 0,
    block_size: int = 4096,
    nO: Optional[int] = None,
) -> Model[Tuple[List[Doc], Pairs], Floats2d]:
    """Score candidate pairs of entities.

    Token vectors are pooled to entity vectors, which are projected once as head
    and once as tail. The vector of a pair is the sum of two such projections and
    of what the pair alone knows; or, with `group_width`, all products of the features
    of its head and its tail within groups.

    tok2vec (Model[List[Doc], List[Floats2d]]): The encoder: a listener to a
        shared transformer or tok2vec, or a tok2vec of its own.
    hidden_width (int): Width of the pair vectors.
    depth (int): Number of hidden layers, the pair vectors included.
    pooling (str): Vector of a mention from token vectors: "mean", "max" or
        "first_last" (the first and the last, side by side).
    mention_pooling (str): Vector of an entity from those of its mentions, where it has
        many: "logsumexp", "max" or "mean". Or "scores": none, but a score of each pair of
        mentions, and the logsumexp of those.
    type_width (int): Width of the embedding of the entities' labels; 0 for none.
    prominence (bool): Whether an entity knows how often it is mentioned, beside the
        others with its label, and how early.
    distance (bool): Whether to embed the distance and the order of the mentions.
    context (Union[None, str, List[str]]): What else a pair sees: "max" (maximum over the
        tokens between the closest mentions), "attention" (factorised attention over the
        doc), the sum of those of a list, or None.
    group_width (int): Number of features of a group for bilinear scoring, a divisor of
        `hidden_width`; 0 for the sum.
    block_size (int): Number of pairs scored at a time in prediction, which bounds
        the memory.
    nO (Optional[int]): Number of outputs; None to have the component set it.
    RETURNS (Model[Tuple[List[Doc], Pairs], Floats2d]): The model; its outputs are
        logits, one row a pair.
    RAISES (ValueError): Where an option is out of its range.
    """
    contexts = [context] if isinstance(context, str) else context or []
    _check_options(hidden_width, depth, type_width, contexts, group_width, block_size)
    features = [embed_types(type_width)] if type_width else []
    if prominence:
        features.append(measure_prominence())
    hidden = [Relu(hidden_width, dropout=0.0) for _ in range(depth - 1)]
    output = linear(nO)
    pair_width = 2 * hidden_width if group_width else hidden_width
    try:
        context_layers = [CONTEXTS[name](pair_width) for name in contexts]
    except ValueError as error:
        raise ValueError(
            f"spacy-relext.RelationModel.v1: hidden_width {hidden_width} makes pairs "
            f"{pair_width} wide, but {error}"
        ) from None
    of_mentions = mention_pooling == POOLED_SCORES
    vectors = entity_vectors(pooling, None if of_mentions else mention_pooling, features)
    score = score_pairs(
        entities=chain(vectors, Dropout(0.0)),
        join=group_bilinear(group_width) if group_width else rectify(),
        output=chain(Dropout(0.0), *hidden, output),
        width=hidden_width,
        pair_width=pair_width,
        distance=distance,
        context=_sum(context_layers),
        block_size=block_size,
        of_mentions=of_mentions,
    )
    model = chain(with_getitem(0, chain(tok2vec, flatten_tokens())), score)
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("score_pairs", score)
    model.set_ref("output", output)
    return model


def _sum(contexts: List[Model]) -> Optional[Model]:
    if len(contexts) < 2:
        return contexts[0] if contexts else None
    return sum_contexts(*contexts)


def _check_options(
    hidden_width: int,
    depth: int,
    type_width: int,
    contexts: List[str],
    group_width: int,
    block_size: int,
) -> None:
    for name, value, least in (
        ("hidden_width", hidden_width, 1),
        ("depth", depth, 1),
        ("type_width", type_width, 0),
        ("group_width", group_width, 0),
        ("block_size", block_size, 1),
    ):
        if value < least:
            raise ValueError(
                f"spacy-relext.RelationModel.v1: {name} must be at least {least}, "
                f"found: {value}"
            )
    if group_width and hidden_width % group_width:
        raise ValueError(
            "spacy-relext.RelationModel.v1: group_width must divide hidden_width, found: "
            f"{group_width} and {hidden_width}"
        )
    for context in contexts:
        if context not in CONTEXTS:
            raise ValueError(
                "spacy-relext.RelationModel.v1: context must be one of "
                f"{', '.join(CONTEXTS)}, a list of them or null, found: {context!r}"
            )
