"""Thinc layers, one a file: tokens, mentions, entities, pairs, scores."""

from .attention_context import attention_context
from .embed_types import embed_types
from .entity_vectors import entity_vectors
from .flatten_tokens import flatten_tokens
from .group_bilinear import group_bilinear
from .linear import linear
from .max_context import max_context
from .measure_prominence import measure_prominence
from .pool_mentions import pool_mentions
from .rectify import rectify
from .score_pairs import score_pairs
from .sum_contexts import sum_contexts

__all__ = [
    "attention_context",
    "embed_types",
    "entity_vectors",
    "flatten_tokens",
    "group_bilinear",
    "linear",
    "max_context",
    "measure_prominence",
    "pool_mentions",
    "rectify",
    "score_pairs",
    "sum_contexts",
]
