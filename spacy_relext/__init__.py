"""Relation extraction for spaCy."""

from . import visual
from .entities import get_entities
from .pairs import Pairs
from .relation import Relation, get_relations, set_relations
from .scorer import score_relations
from .user_data import has_relations

__all__ = [
    "Pairs",
    "Relation",
    "get_entities",
    "get_relations",
    "has_relations",
    "score_relations",
    "set_relations",
    "visual",
]
