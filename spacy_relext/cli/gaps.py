"""What the extractors of a pipeline get to look at, and why one gets nothing."""

from contextlib import contextmanager
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..corpus import find_clusters_prefix, hand_clusters_over, hand_entities_over
from ..entities import get_entities
from ..extractor import RelationExtractor
from ..grouping import CLUSTERS_PREFIX
from ..training_data import get_attr, get_meta, select_finders

# Extractors by their names in the pipeline, and why one gets nothing.
Extractors = Dict[str, RelationExtractor]
Gaps = Dict[str, str]


def hand_over(examples: List[Example], extractors: Extractors) -> Gaps:
    """Set on the predicted docs what the extractors read of the references.

    examples (List[Example]): The examples, changed in place.
    extractors (Dict[str, RelationExtractor]): The extractors by name.
    RETURNS (Dict[str, str]): Why one gets no entities of the references.
    """
    gaps = {}
    for spans_key in {pipe.cfg["spans_key"] for pipe in extractors.values()}:
        for eg in examples:
            hand_entities_over(eg, spans_key)
    for prefix in {find_clusters_prefix(pipe.grouping) for pipe in extractors.values()}:
        for eg in examples:
            hand_clusters_over(eg, prefix)
    for name, pipe in extractors.items():
        spans_key = pipe.cfg["spans_key"]
        if not any(get_entities(eg.reference, spans_key) for eg in examples):
            gaps[name] = (
                f"It looks in {_place(spans_key)}, and the data have none there. They "
                f"have: {', '.join(_find_places(examples)) or 'none'}."
            )
    return gaps


def find_finders(
    nlp: Language, extractors: Extractors, examples: List[Example]
) -> Tuple[List[str], Gaps]:
    """What finds the entities of the extractors.

    nlp (Language): The pipeline.
    extractors (Dict[str, RelationExtractor]): Its extractors by name.
    examples (List[Example]): What they are run on, not changed.
    RETURNS (Tuple[List[str], Dict[str, str]]): The components that declare it; why an
        extractor gets no entities.
    """
    finders, gaps = set(), {}
    for name, pipe in extractors.items():
        # Only what it looks at: spans are no help to one that reads doc.ents.
        spans_key = pipe.cfg["spans_key"]
        attr = get_attr(spans_key)
        place = nlp.pipe_names.index(name)
        before, later = nlp.pipe_names[:place], nlp.pipe_names[place + 1 :]
        found = find_declared(nlp, before, attr)
        finders.update(found)
        if found:
            continue
        with annotate(nlp, place, examples) as docs:
            has_entities = any(get_entities(doc, spans_key) for doc in docs)
        if not has_entities:
            late = find_declared(nlp, later, attr)
            gaps[name] = (
                f"It looks in {_place(spans_key)}, where no component before it sets any, "
                "and without entities there are no candidate pairs. "
                + (f"{', '.join(late)} comes too late. " if late else "")
                + "Try --gold-entities."
            )
    return [name for name in nlp.pipe_names if name in finders], gaps


def find_cluster_gaps(
    nlp: Language, extractors: Extractors, examples: List[Example]
) -> Gaps:
    """Why an extractor gets no clusters where the data have some.

    nlp (Language): The pipeline.
    extractors (Dict[str, RelationExtractor]): Its extractors by name.
    examples (List[Example]): What they are run on, not changed.
    RETURNS (Dict[str, str]): The reasons by name.
    """
    gaps = {}
    for name, pipe in extractors.items():
        prefix = find_clusters_prefix(pipe.grouping, None)
        if prefix is None or not _has_clusters((eg.reference for eg in examples), prefix):
            continue
        with annotate(nlp, nlp.pipe_names.index(name), examples) as docs:
            has_clusters = _has_clusters(docs, prefix)
        if not has_clusters:
            gaps[name] = (
                f"It looks in the groups of doc.spans that begin with {prefix!r}. The data "
                "have some, but no component before it sets any, so that each mention is "
                "an entity of its own. Try --gold-entities."
            )
    return gaps


@contextmanager
def annotate(
    nlp: Language, n_pipes: int, examples: Iterable[Example]
) -> Iterator[Iterator[Doc]]:
    """Run the first components of a pipeline alone; not every component declares what it
    sets, and later ones may throw it away.

    nlp (Language): The pipeline.
    n_pipes (int): How many of its components.
    examples (Iterable[Example]): What to run them on, which is not changed.
    YIELDS (Iterator[Doc]): The docs, to be read within the context.
    """
    with nlp.select_pipes(disable=nlp.pipe_names[n_pipes:]):
        yield nlp.pipe(eg.predicted.copy() for eg in examples)


def find_declared(nlp: Language, names: Iterable[str], *attrs: str) -> List[str]:
    """Those of the components that declare that they set entities, or are configured to.

    nlp (Language): The pipeline.
    names (Iterable[str]): The components.
    *attrs (str): Where entities are, see `get_attr`.
    RETURNS (List[str]): Their names.
    """
    components = (get_meta(nlp, name) for name in names)
    return select_finders(components, *attrs, undeclared=False)


def _find_places(examples: Iterable[Example]) -> List[str]:
    """Where references have entities, or spans that may be some."""
    docs = [eg.reference for eg in examples]
    groups = {key for doc in docs for key, spans in doc.spans.items() if len(spans)}
    places = {_place(key) for key in groups if not key.startswith(CLUSTERS_PREFIX)}
    return sorted(places | {_place(None) for doc in docs if doc.ents})


def _place(spans_key: Optional[str]) -> str:
    return "doc.ents" if spans_key is None else f'doc.spans["{spans_key}"]'


def _has_clusters(docs: Iterable[Doc], prefix: str) -> bool:
    return any(
        key.startswith(prefix) and len(spans)
        for doc in docs
        for key, spans in doc.spans.items()
    )
