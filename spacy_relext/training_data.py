"""What is read of the training data before the training begins."""

import warnings
from dataclasses import replace
from itertools import islice, takewhile
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Tuple,
)

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from .corpus import find_reader
from .entities import get_entities
from .grouping import Grouping, get_entity_relations
from .relation import Relation, get_relations

# The name of a component, what it declares that it sets, and what it is configured with.
Component = Tuple[str, Collection[str], Dict[str, Any]]

N_DOCS = 10


def read_examples(
    examples: Iterable[Example],
    grouping: Optional[Grouping] = None,
    spans_key: Optional[str] = None,
) -> Tuple[List[Relation], List[Doc]]:
    """All relations of the training data, and a few docs to size a model with.

    examples (Iterable[Example]): The training data.
    grouping (Optional[Callable]): Which mentions are of one entity, see
        `group_entities`; None makes each an entity.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
        of `doc.spans`.
    RETURNS (Tuple[List[Relation], List[Doc]]): The relations, with all mentions of the
        entities between which they are sought; the first docs that have a token.
    """
    relations: List[Relation] = []
    docs: List[Doc] = []
    for eg in examples:
        found = get_entity_relations(eg.reference, grouping, spans_key)
        if grouping is None:
            # Where each mention is an entity, the others are not of it.
            found = [replace(rel, head_mentions=(), tail_mentions=()) for rel in found]
        relations.extend(found)
        if len(docs) < N_DOCS and len(eg.reference):
            docs.append(_without_vectors(eg.reference))
    return relations, docs


def _without_vectors(doc: Doc) -> Doc:
    """A copy without what another pipeline left, whose vectors may be of another width."""
    doc = doc.copy()
    doc.tensor = numpy.zeros((0, 0), dtype="f")
    doc.user_data = {}
    return doc


def select_relations(
    name: str,
    relations: Sequence[Relation],
    labels: Collection[str],
    symmetric_labels: Collection[str],
) -> List[Relation]:
    """The relations that a component learns from. Another extractor of the pipeline may
    be there for the others. Where the labels are known and no relation has one, a warning
    tells, as the training data may be a sample: `spacy train` hands over no more than the
    first 100 examples where `max_epochs` is -1.

    name (str): The component, for the errors.
    relations (Sequence[Relation]): Those of the training data.
    labels (Collection[str]): The labels of the component; those that were not given are
        of these relations.
    symmetric_labels (Collection[str]): Those that hold in both directions.
    RETURNS (List[Relation]): Those that have one of the labels.
    RAISES (ValueError): Where there is no label, or a symmetric label is none of the
        labels.
    """
    selected = [relation for relation in relations if relation.label in labels]
    if not selected:
        found = sorted({relation.label for relation in relations})
        given = f"the labels are {', '.join(labels)}" if labels else "no labels are given"
        problem = (
            f"{name}: {given}, but the relations of the training data have "
            f"the labels {', '.join(found)}"
            if found
            else f"{name}: the training data have no relations in doc._.relations. If they "
            "were written as .spacy files, was it with DocBin(store_user_data=True)? "
            "spaCy's own reader also drops them where it splits docs (max_length, "
            "gold_preproc). Without training data, as in `spacy assemble`, it takes labels "
            f"in [initialize.components.{name}], or a `source`."
        )
        if not labels:
            raise ValueError(problem)
        warnings.warn(problem)
    unknown = set(symmetric_labels) - set(labels)
    if unknown:
        raise ValueError(
            f"{name}: symmetric_labels names {', '.join(sorted(unknown))}, but the labels "
            f"are: {', '.join(labels)}"
        )
    return selected


def warn_without_entities(
    nlp: Language,
    name: str,
    get_examples: Callable[[], Iterable[Example]],
    spans_key: Optional[str] = None,
) -> None:
    """Warn where the first docs with relations have no mentions, and nothing finds any; or
    what finds them in training has no vectors to find them by.

    nlp (Language): The pipeline.
    name (str): The component.
    get_examples (Callable[[], Iterable[Example]]): Returns the training data.
    spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else the group
        of `doc.spans`.
    """
    # Also those that are disabled: spaCy disables what is sourced while it initializes
    # the others.
    before = takewhile(name.__ne__, nlp.component_names)
    finders = select_finders((get_meta(nlp, x) for x in before), get_attr(spans_key))
    annotating = _find_annotating(nlp)
    if annotating is None:
        if finders:
            return
    elif set(finders).intersection(annotating):
        _warn_without_vectors(nlp, name, finders, annotating)
        return
    related = (eg.predicted for eg in get_examples() if get_relations(eg.reference))
    first = list(islice(related, N_DOCS))
    if not first or any(get_entities(doc, spans_key) for doc in first):
        return
    if finders:
        why = (
            f"of {', '.join(finders)} before it none is in "
            "[training.annotating_components]"
        )
    else:
        why = "no component before it finds any"
    warnings.warn(
        f"{name}: the docs to train on come without entities, and {why}, so there is no "
        "pair to learn from. Let spacy-relext.EntityCorpus.v1 read the corpora, with the "
        "component's spans_key; or put a component that finds entities before it, and name "
        "that in [training.annotating_components], or in `annotates` of nlp.update."
    )


def _find_annotating(nlp: Language) -> Optional[List[str]]:
    """The components that annotate in training, None where a config does not tell: one
    that was not made to train this pipeline, as a saved one, or names no data."""
    config = nlp.config.interpolate()
    _, reader = find_reader(config, "train")
    if nlp.path is not None or reader.get("path", "") is None:
        return None
    return config["training"]["annotating_components"]


def _warn_without_vectors(
    nlp: Language, name: str, finders: Collection[str], annotating: Collection[str]
) -> None:
    """A listener gets zeros where its encoder leaves nothing in the doc."""
    for encoder, pipe in nlp.components:
        heard_by = {*getattr(pipe, "listening_components", ())}.intersection(annotating)
        deaf = [finder for finder in finders if finder in heard_by]
        if deaf and encoder not in annotating:
            warnings.warn(
                f"{name}: {', '.join(deaf)} in [training.annotating_components] listens to "
                f"{encoder}, which is not there: in training it would find the entities to "
                f"learn from without its vectors. Name {encoder} as well."
            )


def warn_without_evidence(name: str, relations: Iterable[Relation]) -> None:
    """Warn where no relation has evidence to learn from.

    name (str): The component.
    relations (Iterable[Relation]): Those of the training data.
    """
    if not any(relation.evidence for relation in relations):
        warnings.warn(
            f"{name}: evidence_weight is given, but no relation of the training data has "
            "evidence, so the attention learns nothing from it."
        )


def get_meta(nlp: Language, name: str) -> Component:
    """What is known of a component of a pipeline.

    nlp (Language): The pipeline.
    name (str): The component.
    RETURNS (Tuple[str, Collection[str], Dict[str, Any]]): As `select_finders` takes it.
    """
    return name, nlp.get_pipe_meta(name).assigns, nlp.get_pipe_config(name)


def get_attr(spans_key: Optional[str]) -> str:
    """What a component declares that sets mentions.

    spans_key (Optional[str]): Where mentions are.
    RETURNS (str): The attribute of docs.
    """
    return "doc.ents" if spans_key is None else "doc.spans"


def select_finders(
    components: Iterable[Component], *attrs: str, undeclared: bool = True
) -> List[str]:
    """Those of some components that may set what a relation extractor looks at.

    components (Iterable[Tuple[str, Collection[str], Dict[str, Any]]]): Of each its name,
        what it declares that it sets, and what it is configured with.
    *attrs (str): Where mentions are, see `get_attr`.
    undeclared (bool): Whether those count that declare nothing, as one of a user's own may
        set anything then.
    RETURNS (List[str]): Their names.
    """
    finders = []
    for name, assigns, options in components:
        # A `span_ruler` does not declare the entities that it sets.
        also = ["doc.ents"] if options.get("annotate_ents") else []
        if {*assigns, *also}.intersection(attrs) if assigns else undeclared:
            finders.append(name)
    return finders
