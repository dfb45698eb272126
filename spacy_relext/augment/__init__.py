"""Augmenters that keep entities and relations."""

from .augmenters import (
    create_augmenter_chain,
    create_mask_entities_augmenter,
    create_mask_tokens_augmenter,
    create_replace_entities_augmenter,
    create_word_noise_augmenter,
)

__all__ = [
    "create_augmenter_chain",
    "create_mask_entities_augmenter",
    "create_mask_tokens_augmenter",
    "create_replace_entities_augmenter",
    "create_word_noise_augmenter",
]
