"""Relation extraction for spaCy."""

from .pairs import Pairs, get_entities
from .relation import Relation, get_relations, has_relations, set_relations
from .scorer import score_relations

__all__ = [
    "Pairs",
    "Relation",
    "get_entities",
    "get_relations",
    "has_relations",
    "score_relations",
    "set_relations",
]
