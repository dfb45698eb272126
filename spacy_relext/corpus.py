"""A reader that hands gold entities to the pipeline."""

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.errors import Errors
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus, Example
from spacy.util import filter_spans, registry

from .alignment import Aligner
from .entities import list_spans
from .grouping import CLUSTERS_PREFIX, Grouping


@registry.readers("spacy-relext.EntityCorpus.v1")
def create_entity_corpus(
    path: Optional[Path],
    limit: int = 0,
    spans_key: Optional[str] = None,
    augmenter: Optional[Callable] = None,
    shuffle: bool = False,
    clusters_prefix: Optional[str] = None,
) -> Callable[[Language], Iterable[Example]]:
    """Read a corpus as `spacy.Corpus.v1` does, and hand the entities of the
    references over to the docs that the pipeline gets. Without them a pipeline
    that has no component for entities finds no candidate pair.

    There is no `max_length`: to split a doc into sentences drops its relations.
    Not for a pipeline with an `ner`: spaCy's keeps the entities that it is given, so
    its scores would be those of the answers, and those of the relations too good.
    Such a pipeline takes `spacy.Corpus.v1` and `annotating_components`.

    path (Optional[Path]): A .spacy file, or a directory of such.
    limit (int): Number of docs to read; 0 for all.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`.
    augmenter (Optional[Callable]): Makes more examples of each one. Those of spaCy
        itself drop the relations of the examples that they change.
    shuffle (bool): Whether to shuffle the docs.
    clusters_prefix (Optional[str]): What the keys of coreference clusters in
        `doc.spans` begin with, "coref_clusters" as a rule, to hand those over as well;
        None where a component of the pipeline finds them, or nothing needs them.
    RAISES (ValueError): Where no path is given.
    """
    if path is None:
        raise ValueError(Errors.E913)
    corpus = Corpus(path, limit=limit, augmenter=augmenter, shuffle=shuffle)

    def read(nlp: Language) -> Iterator[Example]:
        for example in corpus(nlp):
            hand_entities_over(example, spans_key)
            if clusters_prefix is not None:
                hand_clusters_over(example, clusters_prefix)
            yield example

    return read


def read_doc_bin(path: Path) -> DocBin:
    """Read a .spacy file.

    path (Path): The file.
    RETURNS (DocBin): The docs in it.
    RAISES (ValueError): Where it is none.
    """
    try:
        return DocBin().from_disk(path)
    # Whatever zlib, msgpack and DocBin itself say of other bytes.
    except Exception as error:
        reason = f"no docs of spaCy's: {type(error).__name__}: {error}"
        raise ValueError(reason) from None


def find_reader(config: Dict[str, Any], data: str) -> Tuple[str, Dict[str, Any]]:
    """What reads the data of a training.

    config (Dict[str, Any]): The config of the pipeline.
    data (str): "train" or "dev".
    RETURNS (Tuple[str, Dict[str, Any]]): The name of the section, and what is in it,
        nothing where there is no such section.
    """
    corpus = config["training"][f"{data}_corpus"]
    reader: Any = config
    for key in corpus.split("."):
        reader = reader.get(key) if isinstance(reader, dict) else None
    return corpus, reader if isinstance(reader, dict) else {}


def hand_entities_over(example: Example, spans_key: Optional[str] = None) -> None:
    """Set the entities of the reference on the predicted doc. One that cuts
    through a predicted token is expanded; of overlapping `doc.ents` the longest is
    kept.

    example (Example): The example, changed in place.
    spans_key (Optional[str]): None for `doc.ents`, else the group of `doc.spans`.
    """
    reference, predicted = example.reference, example.predicted
    aligner = Aligner(example)
    if spans_key is None:
        predicted.ents = filter_spans(_align(aligner, predicted, reference.ents))
    elif spans_key in reference.spans:
        spans = list_spans(reference.spans[spans_key])
        predicted.spans[spans_key] = _align(aligner, predicted, spans)


def hand_clusters_over(example: Example, prefix: str) -> None:
    """Set the coreference clusters of the reference on the predicted doc.

    example (Example): The example, changed in place.
    prefix (str): What the keys of the clusters in `doc.spans` begin with.
    """
    predicted, aligner = example.predicted, Aligner(example)
    for key, cluster in example.reference.spans.items():
        if key.startswith(prefix):
            predicted.spans[key] = _align(aligner, predicted, list_spans(cluster))


def find_clusters_prefix(
    grouping: Optional[Grouping], default: Optional[str] = CLUSTERS_PREFIX
) -> Optional[str]:
    """What the keys of the clusters begin with that a grouping reads.

    grouping (Optional[Callable]): The grouping.
    default (Optional[str]): What to return where it does not say, as a function of one's
        own; by default that by which clusters are named as a rule.
    RETURNS (Optional[str]): Its `prefix`, or the default.
    """
    return getattr(grouping, "keywords", {}).get("prefix", default)


def _align(aligner: Aligner, predicted: Doc, spans: Iterable[Span]) -> List[Span]:
    aligned = ((span, aligner.align(span)) for span in spans)
    return [
        Span(predicted, *bounds, label=span.label, kb_id=span.kb_id, span_id=span.id)
        for span, bounds in aligned
        if bounds is not None
    ]
