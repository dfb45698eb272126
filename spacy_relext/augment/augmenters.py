"""Augmenters that keep entities and relations; spaCy's own lose the relations.

Each takes `level`, the share of the examples that it changes, and `keep_original`.
As spaCy's do, a changed example takes the place of its original, unless
`keep_original` asks for both. `spacy train` reads a corpus once where
`training.max_epochs` is 0 or more: an original that was replaced is then never
trained on. With -1 the corpus is read, and changed anew, in each epoch. All draws
are made with Python's `random`, so that `training.seed` makes them repeatable.

An entity is here any span of `doc.ents` or of a group of `doc.spans`, and any head
or tail of a relation: none of them loses its bounds, whichever augmenter is used. Where
a group has all of the doc in it, as one of sentences has, no token is outside entities.
"""

import random
from functools import partial
from itertools import count
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Set

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry

from ..entities import as_linked_key, get_entities
from ..grouping import check_separator, normal_text, read_ids
from ..words import is_word, split_letters
from .entities import find_ids, find_keys, rename
from .names import Name, Names
from .rebuild import Edit, iter_spans, rebuild_example

Augmenter = Callable[[Language, Example], Iterator[Example]]


@registry.augmenters("spacy-relext.mask_tokens.v1")
def create_mask_tokens_augmenter(
    level: float,
    token_share: float = 0.15,
    mask: str = "[MASK]",
    keep_original: bool = False,
) -> Augmenter:
    """Put a mask in the place of tokens outside entities and outside all groups of
    `doc.spans`. A doc that these cover, as a group of its sentences does, stays as it is.

    level (float): The share of the examples to change, 0 to 1.
    token_share (float): The probability of each token to be masked, 0 to 1.
    mask (str): The mask, one token of the reference whatever the tokenizer makes
        of it.
    keep_original (bool): Whether to yield the original too.
    RAISES (ValueError): Where an option is out of its range, and where the mask is
        empty or has whitespace in it.
    """
    _check_shares("mask_tokens", level=level, token_share=token_share)
    if not mask or mask.split() != [mask]:
        raise ValueError(
            "spacy-relext.mask_tokens.v1: mask must be a text without whitespace, "
            f"found: {mask!r}"
        )

    def mask_tokens(nlp: Language, doc: Doc) -> List[Edit]:
        inside = _covered(doc)
        return [
            Edit(token.i, token.i + 1, [mask], [bool(token.whitespace_)])
            for token in doc
            if token.i not in inside
            and not token.is_space
            and random.random() < token_share
        ]

    return _build_augmenter(mask_tokens, level, keep_original)


@registry.augmenters("spacy-relext.word_noise.v1")
def create_word_noise_augmenter(
    level: float,
    word_share: float = 0.1,
    include_entities: bool = False,
    ignore_case: bool = False,
    keep_original: bool = False,
) -> Augmenter:
    """Misspell words: swap two letters, drop one, or double one. Only words of two
    letters or more are changed. A word of entities is misspelt alike in all entities of
    a doc or in none, and never as another one is spelt, so that mentions of one text
    still have one, and others another.

    level (float): The share of the examples to change, 0 to 1.
    word_share (float): The probability of each word to be misspelt, 0 to 1.
    include_entities (bool): Whether to misspell words of entities, and of groups of
        `doc.spans`, too.
    ignore_case (bool): Whether words of entities that differ in case alone are one, and
        get the spelling of the first, as where `group_by_text` ignores case.
    keep_original (bool): Whether to yield the original too.
    RAISES (ValueError): Where an option is out of its range.
    """
    _check_shares("word_noise", level=level, word_share=word_share)

    def draw(word: str) -> Optional[str]:
        return misspell(word) if random.random() < word_share else None

    def misspell_words(nlp: Language, doc: Doc) -> List[Edit]:
        inside = _covered(doc)
        of_entities: Dict[str, Optional[str]] = {}
        taken = {normal_text(doc[i].text, ignore_case) for i in inside}
        edits = []
        for token in doc:
            if not is_word(token) or len(split_letters(token.text)) < 2:
                continue
            if token.i not in inside:
                new = draw(token.text)
            elif include_entities:
                word = normal_text(token.text, ignore_case)
                if word not in of_entities:
                    new = draw(token.text)
                    spelling = new and normal_text(new, ignore_case)
                    of_entities[word] = None if spelling in taken else new
                    taken.add(spelling)
                new = of_entities[word]
            else:
                continue
            if new is not None:
                edits.append(Edit(token.i, token.i + 1, [new], [bool(token.whitespace_)]))
        return edits

    return _build_augmenter(misspell_words, level, keep_original)


@registry.augmenters("spacy-relext.mask_entities.v1")
def create_mask_entities_augmenter(
    level: float,
    entity_share: float = 1.0,
    template: str = "[{label}]",
    spans_key: Optional[str] = None,
    separator: Optional[str] = None,
    ignore_case: bool = False,
    keep_original: bool = False,
) -> Augmenter:
    """Put an entity's type in the place of its text, so that a model cannot learn
    names. All mentions of an entity are masked, or none: those of one `kb_id`, where
    they have none one `ent_id`, and those of one text and one type, by whichever of these
    a grouping goes. Entities that share a mention are masked together. An entity stays as
    it is where a mention has no label or two, and where another span starts or ends within
    one.

    level (float): The share of the examples to change, 0 to 1.
    entity_share (float): The probability of each entity to be masked, 0 to 1.
    template (str): The text to put there; {label} stands for the type, and {number}
        for the entity's number in the doc, from 1. Without {number} all entities of a
        type have one text, and are one where `group_by_text` tells them.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, as of `group_by_kb_id`; None where that does not occur.
    ignore_case (bool): Whether texts that differ in case alone are one, as of
        `group_by_text`.
    keep_original (bool): Whether to yield the original too.
    RAISES (ValueError): Where an option is out of its range, and where the template
        lacks {label} or has whitespace around it.
    """
    _check_shares("mask_entities", level=level, entity_share=entity_share)
    check_separator("spacy-relext.mask_entities.v1", separator)
    if "{label}" not in template or template != template.strip():
        raise ValueError(
            "spacy-relext.mask_entities.v1: template must hold {label} and have no "
            f"whitespace around it, found: {template!r}"
        )

    tell = partial(find_keys, separator=separator, ignore_case=ignore_case)

    def mask_entities(nlp: Language, doc: Doc) -> List[Edit]:
        numbers = count(1)

        def fill_in(spans: List[Span]) -> List[Name]:
            if not all(span.label for span in spans):
                return []
            of_entity = template.replace("{number}", str(next(numbers)))
            texts = [of_entity.replace("{label}", span.label_) for span in spans]
            return [Name(text, None) for text in texts]

        return rename(nlp, doc, spans_key, tell, entity_share, fill_in)

    return _build_augmenter(mask_entities, level, keep_original)


@registry.augmenters("spacy-relext.replace_entities.v1")
def create_replace_entities_augmenter(
    level: float,
    path: Optional[Path],
    entity_share: float = 1.0,
    spans_key: Optional[str] = None,
    separator: Optional[str] = None,
    ignore_case: bool = False,
    keep_original: bool = False,
) -> Augmenter:
    """Put the text of another entity of the same type in the place of an entity's.
    All mentions of an entity, told as by `mask_entities`, get the same text, others
    another; none gets a text that its doc has already. An entity stays as it is where no
    text is left for its type, where its mentions have several labels or several ids, and
    where another span starts or ends within one.
    A `kb_id` becomes that of the other entity. One with a `kb_id` gets the text of one that
    has it too, and stays as it is where there is none of its type, which a warning tells:
    without the id its mentions would be one no more. That of a span around, and the lemma,
    are dropped: they name another thing. Where that span has other mentions, which would be
    one with it no more, the entity stays as it is.

    level (float): The share of the examples to change, 0 to 1.
    path (Optional[Path]): The entities to draw from: a .spacy file, or a directory
        of such, read when it is first needed.
    entity_share (float): The probability of each entity to be replaced, 0 to 1.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`,
        in the corpus to draw from as well.
    separator (Optional[str]): What stands between the ids of a mention of several
        entities, as of `group_by_kb_id`, in the corpus to draw from as well; None where
        that does not occur.
    ignore_case (bool): Whether texts that differ in case alone are one, as of
        `group_by_text`.
    keep_original (bool): Whether to yield the original too.
    RAISES (ValueError): Where an option is out of its range, where there is nothing
        at the path and, when called, where the corpus has no entities.
    """
    _check_shares("replace_entities", level=level, entity_share=entity_share)
    check_separator("spacy-relext.replace_entities.v1", separator)
    names = Names(path, spans_key, separator)
    tell = partial(find_keys, separator=separator, ignore_case=ignore_case)

    def replace_entities(nlp: Language, doc: Doc) -> List[Edit]:
        names.read(nlp.vocab)
        mentions = get_entities(doc, spans_key, as_linked_key)
        taken = {normal_text(span.text, ignore_case) for span in mentions}
        taken_ids = {id_ for span in mentions for id_ in read_ids(span.kb_id_, separator)}

        def draw(spans: List[Span]) -> List[Name]:
            labels = {span.label for span in spans}
            ids = {id_ for span in spans for id_ in find_ids(span, separator)}
            # A new name has one type and one id.
            if len(labels) > 1 or len(ids) > 1:
                return []
            linked = any(read_ids(span.kb_id_, separator) for span in spans)
            candidates = names.get(spans[0].label_, linked)
            # One more than there are texts taken is enough, unless ids are taken too, or
            # names differ in case alone.
            for n in (min(len(candidates), len(taken) + 1), len(candidates)):
                for name in random.sample(candidates, n):
                    text = normal_text(name.text, ignore_case)
                    if text not in taken and name.kb_id not in taken_ids:
                        kb_id = name.kb_id if linked else ""
                        taken.add(text)
                        taken_ids.update({kb_id} - {""})
                        return [Name(name.text, kb_id)] * len(spans)
            return []

        return rename(nlp, doc, spans_key, tell, entity_share, draw)

    return _build_augmenter(replace_entities, level, keep_original)


@registry.augmenters("spacy-relext.chain_augmenters.v1")
def create_augmenter_chain(*augmenters: Augmenter) -> Augmenter:
    """Several augmenters in turn, each getting all that the one before it yields.

    *augmenters (Augmenter): The augmenters. Those of spaCy itself drop the relations
        of the examples that they change.
    """

    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        examples = [example]
        for augmenter in augmenters:
            examples = [new for old in examples for new in augmenter(nlp, old)]
        yield from examples

    return augment


def misspell(word: str) -> str:
    """Swap two neighbouring letters, drop one, or double one, with the marks on them.

    word (str): The word, two letters or more.
    RETURNS (str): The word misspelt; a swap of two equal letters leaves it as it is.
    """
    letters = split_letters(word)
    i = random.randrange(len(letters) - 1)
    swapped = letters[:i] + [letters[i + 1], letters[i]] + letters[i + 2 :]
    dropped = letters[:i] + letters[i + 1 :]
    doubled = letters[: i + 1] + letters[i:]
    return "".join(random.choice([swapped, dropped, doubled]))


def _build_augmenter(
    make_edits: Callable[[Language, Doc], List[Edit]],
    level: float,
    keep_original: bool,
) -> Augmenter:
    def augment(nlp: Language, example: Example) -> Iterator[Example]:
        edits = make_edits(nlp, example.reference) if random.random() < level else []
        if keep_original or not edits:
            yield example
        if edits:
            yield rebuild_example(nlp, example, edits)

    return augment


def _covered(doc: Doc) -> Set[int]:
    """The tokens of entities, which are not to be changed."""
    return {i for span in iter_spans(doc) for i in range(span.start, span.end)}


def _check_shares(augmenter: str, **shares: float) -> None:
    for option, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(
                f"spacy-relext.{augmenter}.v1: {option} must lie between 0 and 1, "
                f"found: {share}"
            )
