"""Docs of a given shape and pipelines with random weights, to time and weigh."""

from pathlib import Path
from typing import Any, Dict, List

import numpy
import spacy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab
from thinc.api import Model, to_numpy
from thinc.types import Floats2d
from wasabi import msg

from spacy_relext import Relation, set_relations

WORDS = (
    "after the company opened a small office near harbour its managers said that "
    "they would hire people from several towns and build two new laboratories which "
    "later moved to another city where an older firm had sold machines for years"
).split()
NAMES = "Maria Kevin Lisbon Oslo Volvo Siemens Anna Peru Boeing Kyoto".split()
ENTITY_LABELS = ["PERSON", "ORG", "GPE"]
RELATION_LABELS = [f"RELATION_{i}" for i in range(10)]


def make_docs(
    vocab: Vocab, n_docs: int, n_entities: int, n_tokens: int, seed: int = 0
) -> List[Doc]:
    """Docs with evenly spread entities of one and two tokens in turn.

    vocab (Vocab): The vocab of the pipeline.
    n_docs (int): How many docs.
    n_entities (int): How many entities a doc, at most half its tokens.
    n_tokens (int): How many tokens a doc.
    seed (int): Of the choice of words.
    RETURNS (List[Doc]): The docs, their entities set.
    """
    rng = numpy.random.default_rng(seed)
    docs = []
    for _ in range(n_docs):
        words = [str(word) for word in rng.choice(WORDS, n_tokens)]
        starts = numpy.arange(n_entities) * n_tokens // n_entities
        bounds = [(int(start), int(start) + 1 + i % 2) for i, start in enumerate(starts)]
        for start, end in bounds:
            words[start:end] = [str(name) for name in rng.choice(NAMES, end - start)]
        doc = Doc(vocab, words=words)
        doc.ents = [
            Span(doc, start, end, label=str(rng.choice(ENTITY_LABELS)))
            for start, end in bounds
        ]
        docs.append(doc)
    return docs


def make_transformer(encoder: Path, mixed_precision: bool) -> Dict[str, Any]:
    """The transformer's settings: the encoder, in the usual overlapping windows."""
    return {
        "model": {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": str(encoder),
            "tokenizer_config": {"use_fast": True},
            "mixed_precision": mixed_precision,
            "get_spans": {
                "@span_getters": "spacy-transformers.strided_spans.v1",
                "window": 128,
                "stride": 96,
            },
        }
    }


def make_listener() -> Dict[str, Any]:
    """The settings of a component's tok2vec that listens to the transformer."""
    return {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "grad_factor": 1.0,
        "pooling": {"@layers": "reduce_mean.v1"},
        "upstream": "*",
    }


def make_relation_extractor() -> Dict[str, Any]:
    """The extractor's settings: its defaults on the transformer, every pair."""
    pairs = {"@misc": "spacy-relext.all_pairs.v1"}
    return {"model": {"tok2vec": make_listener()}, "pairs": pairs}


def initialize(nlp: Language) -> None:
    """Initialize a pipeline with ten labels and random weights.

    nlp (Language): The pipeline.
    """
    docs = make_docs(nlp.vocab, len(RELATION_LABELS), 4, 30)
    for doc, label in zip(docs, RELATION_LABELS):
        set_relations(doc, [Relation(doc.ents[0], doc.ents[1], label)])
    nlp.initialize(lambda: [Example(doc.copy(), doc) for doc in docs])


def make_pipeline(
    encoder: Path, components: Dict[str, Dict[str, Any]], mixed_precision: bool = False
) -> Language:
    """A transformer with components behind it, initialized.

    encoder (Path): The folder of the encoder.
    components (Dict[str, Dict[str, Any]]): The settings of each factory.
    mixed_precision (bool): Whether the transformer computes in half precision where it
        can; on a GPU alone.
    RETURNS (Language): The pipeline.
    """
    nlp = spacy.blank("en")
    nlp.add_pipe("transformer", config=make_transformer(encoder, mixed_precision))
    for factory, config in components.items():
        nlp.add_pipe(factory, config=config)
    initialize(nlp)
    return nlp


def annotate(component: TrainablePipe, docs: List[Doc]) -> None:
    """Predict and annotate a batch of docs.

    component (TrainablePipe): The component.
    docs (List[Doc]): The docs.
    """
    component.set_annotations(docs, component.predict(docs))


def set_positives(component: TrainablePipe, docs: List[Doc], share: float) -> None:
    """Shift the output's bias, so that few scores pass a threshold of 0.5.

    Random weights would call half of all scores a relation, as no trained model
    does.

    component (TrainablePipe): The extractor or the tutorial's component.
    docs (List[Doc]): Docs that the transformer annotated.
    share (float): Share of the scores that pass.
    """
    output = _get_output_layer(component)
    # A wide spread of random logits would leave scores at exactly 0 or 1, and
    # many equal ones could pass together.
    output.set_param("W", output.get_param("W") * 0.1)
    scores = to_numpy(get_scores(component, docs)).astype("float64")
    logits = numpy.log(scores / (1 - scores))
    shift = numpy.quantile(logits, 1 - share)
    output.set_param("b", output.get_param("b") - numpy.float32(shift))


def get_scores(component: TrainablePipe, docs: List[Doc]) -> Floats2d:
    """The scores that a component predicts, one row a pair.

    component (TrainablePipe): The extractor or the tutorial's component.
    docs (List[Doc]): Docs that the transformer annotated.
    RETURNS (Floats2d): The scores.
    """
    prediction = component.predict(docs)
    return prediction[1] if isinstance(prediction, tuple) else prediction


def print_rows(rows: List[Dict[str, Any]], columns: List[str]) -> None:
    """Print figures as a table.

    rows (List[Dict[str, Any]]): What was measured, a row a shape.
    columns (List[str]): Which of it to print.
    """
    msg.table(
        [[_format(row[column]) for column in columns] for row in rows],
        header=[column.replace("_", " ") for column in columns],
        aligns=["r"] * len(columns),
        divider=True,
    )


def _format(value: float) -> str:
    if isinstance(value, bool):
        return str(value)
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3f}"


def _get_output_layer(component: TrainablePipe) -> Model[Floats2d, Floats2d]:
    n_labels = len(component.labels)
    layers = [x for x in component.model.walk() if x.name == "linear"]
    return next(x for x in layers if x.get_dim("nO") == n_labels)
