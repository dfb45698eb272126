"""Thinc layers, one a file: tokens, entities, pairs, scores."""

from .attention_context import attention_context
from .entity_vectors import entity_vectors
from .flatten_tokens import flatten_tokens
from .linear import linear
from .max_context import max_context
from .score_pairs import score_pairs

__all__ = [
    "attention_context",
    "entity_vectors",
    "flatten_tokens",
    "linear",
    "max_context",
    "score_pairs",
]
