"""The relation component of spaCy's well-known tutorial, as a baseline.

Behaves as `tutorials/rel_component` of explosion/projects (2020) does, written
anew for spaCy 3.8: every candidate pair costs Python objects, an entity is
pooled again for each pair that it is in, every score is written to `doc._.rel`.
What differs: the gold standard is `doc._.relations`, and the score is the one of
spacy-relext, so that both components answer to the same measure.

Pass it to spaCy with `--code benchmarks/tutorial.py`.
"""

import logging
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import registry
from thinc.api import Config, Linear, Logistic, Model, Optimizer, chain, reduce_mean
from thinc.api import set_dropout_rate
from thinc.types import Floats2d, Ragged

from spacy_relext import Relation, get_relations, score_relations, set_relations

logger = logging.getLogger(__name__)

# The thresholds that the tutorial reports its scores at.
THRESHOLDS = [0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 0.999]

DEFAULT_MODEL = Config().from_str(
    """
    [model]
    @architectures = "spacy-relext-benchmarks.TutorialModel.v1"
    max_length = 100

    [model.tok2vec]
    @architectures = "spacy-transformers.TransformerListener.v1"
    grad_factor = 1.0

    [model.tok2vec.pooling]
    @layers = "reduce_mean.v1"
    """
)["model"]

if not Doc.has_extension("rel"):
    Doc.set_extension("rel", default={})


def get_candidates(doc: Doc, max_length: int) -> List[Tuple[Span, Span]]:
    """The candidate pairs of a doc, in both directions.

    doc (Doc): The doc, with its entities.
    max_length (int): How many tokens may lie between the two first tokens.
    RETURNS (List[Tuple[Span, Span]]): Head and tail of each pair.
    """
    return [
        (head, tail)
        for head in doc.ents
        for tail in doc.ents
        if head != tail and abs(tail.start - head.start) <= max_length
    ]


@registry.architectures("spacy-relext-benchmarks.TutorialModel.v1")
def build_tutorial_model(
    tok2vec: Model[List[Doc], List[Floats2d]], max_length: int
) -> Model[List[Doc], Floats2d]:
    """Mean-pooled head and tail side by side, a linear layer, a logistic one.

    tok2vec (Model[List[Doc], List[Floats2d]]): The encoder.
    max_length (int): As in `get_candidates`.
    RETURNS (Model[List[Doc], Floats2d]): A score between 0 and 1 for each pair
        and label.
    """
    output: Model[Floats2d, Floats2d] = Linear()
    model = chain(PairVectors(tok2vec, max_length), output, Logistic())
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output)
    model.attrs["max_length"] = max_length
    return model


def PairVectors(
    tok2vec: Model[List[Doc], List[Floats2d]], max_length: int
) -> Model[List[Doc], Floats2d]:
    """The mean vectors of head and tail, concatenated, one row a pair.

    The gradient of a token is the mean over the pairs that it is in, as in the
    tutorial, where the true one is their sum.
    """
    return Model(
        "pair_vectors",
        forward,
        init=init,
        layers=[tok2vec, reduce_mean()],
        attrs={"max_length": max_length},
    )


def init(
    model: Model[List[Doc], Floats2d],
    X: Optional[List[Doc]] = None,
    Y: Optional[Floats2d] = None,
) -> None:
    tok2vec, _ = model.layers
    tok2vec.initialize(X)


def forward(
    model: Model[List[Doc], Floats2d], docs: List[Doc], is_train: bool
) -> Tuple[Floats2d, Callable[[Floats2d], List[Doc]]]:
    tok2vec, pooling = model.layers
    tokvecs, backprop_tok2vec = tok2vec(docs, is_train)
    rows: List[List[int]] = []
    lengths: List[int] = []
    for doc in docs:
        rows.append([])
        for pair in get_candidates(doc, model.attrs["max_length"]):
            for mention in pair:
                rows[-1].extend(range(mention.start, mention.end))
                lengths.append(mention.end - mention.start)
    tokens = [tokvec[doc_rows] for tokvec, doc_rows in zip(tokvecs, rows)]
    mentions, backprop_pooling = pooling(
        Ragged(model.ops.flatten(tokens), model.ops.asarray1i(lengths)), is_train
    )
    pairs = model.ops.reshape2f(mentions, -1, 2 * mentions.shape[1])

    def backprop(d_pairs: Floats2d) -> List[Doc]:
        d_mentions = model.ops.reshape2f(d_pairs, -1, d_pairs.shape[1] // 2)
        d_tokens = backprop_pooling(d_mentions).dataXd
        d_tokvecs = []
        for tokvec, doc_rows in zip(tokvecs, rows):
            d_tokvec = model.ops.alloc2f(*tokvec.shape)
            here, d_tokens = d_tokens[: len(doc_rows)], d_tokens[len(doc_rows) :]
            model.ops.scatter_add(d_tokvec, model.ops.asarray1i(doc_rows), here)
            n_uses = numpy.bincount(doc_rows, minlength=len(tokvec)).clip(min=1)
            d_tokvec /= model.ops.asarray2f(n_uses.reshape(-1, 1))
            d_tokvecs.append(d_tokvec)
        return backprop_tok2vec(d_tokvecs)

    return pairs, backprop


@Language.factory(
    "tutorial_relation_extractor",
    requires=["doc.ents"],
    assigns=["doc._.rel"],
    default_config={"model": DEFAULT_MODEL, "threshold": 0.5, "symmetric_labels": []},
    default_score_weights={
        "rels_f": 0.5,
        "rels_best_f": 0.5,
        "rels_p": None,
        "rels_r": None,
        "rels_best_threshold": None,
    },
)
def make_tutorial_relation_extractor(
    nlp: Language,
    name: str,
    model: Model[List[Doc], Floats2d],
    threshold: float,
    symmetric_labels: List[str],
) -> "TutorialRelationExtractor":
    """Create the component. Its options are those of TutorialRelationExtractor."""
    return TutorialRelationExtractor(
        nlp.vocab, model, name, threshold=threshold, symmetric_labels=symmetric_labels
    )


class TutorialRelationExtractor(TrainablePipe):
    """The tutorial's component.

    The loss is the mean squared error, and its gradient runs through the
    derivative of the logistic layer, so that a confident mistake is hardly
    corrected. A batch without candidates updates nothing.

    symmetric_labels (List[str]): Labels that the tutorial's data holds in both
        directions: trained as two relations, scored as one.
    """

    def __init__(
        self,
        vocab: Any,
        model: Model[List[Doc], Floats2d],
        name: str,
        *,
        threshold: float,
        symmetric_labels: Sequence[str],
    ) -> None:
        self.vocab = vocab
        self.model = model
        self.name = name
        self.cfg = {
            "labels": [],
            "threshold": threshold,
            "symmetric_labels": list(symmetric_labels),
        }

    @property
    def labels(self) -> Tuple[str, ...]:
        return tuple(self.cfg["labels"])

    def add_label(self, label: str) -> int:
        if label in self.cfg["labels"]:
            return 0
        self.cfg["labels"].append(label)
        return 1

    def get_candidates(self, doc: Doc) -> List[Tuple[Span, Span]]:
        return get_candidates(doc, self.model.attrs["max_length"])

    def predict(self, docs: Iterable[Doc]) -> Floats2d:
        docs = list(docs)
        if not any([self.get_candidates(doc) for doc in docs]):
            logger.info("No candidate pair in a batch of %d docs", len(docs))
        return self.model.ops.asarray2f(self.model.predict(docs))

    def set_annotations(self, docs: Iterable[Doc], scores: Floats2d) -> None:
        row = 0
        for doc in docs:
            for head, tail in self.get_candidates(doc):
                key = (head.start, tail.start)
                for column, label in enumerate(self.labels):
                    doc._.rel.setdefault(key, {})[label] = scores[row, column]
                row += 1

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        set_dropout_rate(self.model, drop)
        examples = list(examples)
        docs = [example.predicted for example in examples]
        if not any(self.get_candidates(doc) for doc in docs):
            return losses
        scores, backprop = self.model.begin_update(docs)
        loss, d_scores = self.get_loss(examples, scores)
        backprop(d_scores)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        return losses

    def get_loss(
        self, examples: Iterable[Example], scores: Floats2d
    ) -> Tuple[float, Floats2d]:
        d_scores = scores - self._get_truths(examples)
        return float((d_scores**2).sum(axis=1).mean()), d_scores

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        if labels is None:
            labels = sorted(
                {
                    relation.label
                    for example in get_examples()
                    for relation in get_relations(example.reference)
                }
            )
        for label in labels:
            self.add_label(label)
        self._require_labels()
        sample = list(islice(get_examples(), 10))
        self.model.initialize(
            X=[example.reference for example in sample], Y=self._get_truths(sample)
        )

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score at the component's threshold, and at the best of THRESHOLDS."""
        examples = list(examples)
        best = max(
            (self.score_at(examples, threshold)["rels_f"] or 0.0, threshold)
            for threshold in THRESHOLDS
        )
        scores = self.score_at(examples, self.cfg["threshold"])
        return {**scores, "rels_best_f": best[0], "rels_best_threshold": best[1]}

    def score_at(self, examples: List[Example], threshold: float) -> Dict[str, Any]:
        """Score what has been predicted, with the measure of spacy-relext.

        examples (List[Example]): The examples, annotated by this component.
        threshold (float): From which score on a relation counts.
        RETURNS (Dict[str, Any]): The scores of `score_relations`.
        """
        symmetric = self.cfg["symmetric_labels"]
        for example in examples:
            doc = example.predicted
            set_relations(doc, read_relations(doc, threshold, symmetric))
        return score_relations(
            examples, labels=list(self.labels), symmetric_labels=symmetric
        )

    def _get_truths(self, examples: Iterable[Example]) -> Floats2d:
        rows = []
        for example in examples:
            gold = set()
            for relation in get_relations(example.reference):
                # In characters, as the two docs may be tokenized differently.
                head, tail = relation.head.start_char, relation.tail.start_char
                gold.add((head, tail, relation.label))
                if relation.label in self.cfg["symmetric_labels"]:
                    gold.add((tail, head, relation.label))
            for head, tail in self.get_candidates(example.predicted):
                key = (head.start_char, tail.start_char)
                rows.append([(*key, label) in gold for label in self.labels])
        truths = numpy.asarray(rows, dtype="f").reshape(-1, len(self.labels))
        return self.model.ops.asarray2f(truths)


def read_relations(
    doc: Doc, threshold: float, symmetric_labels: Sequence[str] = ()
) -> List[Relation]:
    """What `doc._.rel` says, as relations.

    doc (Doc): The annotated doc.
    threshold (float): From which score on a pair has a relation.
    symmetric_labels (Sequence[str]): Labels whose two directions are one
        relation, with the better score of the two.
    RETURNS (List[Relation]): The relations.
    """
    entities = {entity.start: entity for entity in doc.ents}
    best: Dict[Tuple[int, int, str], float] = {}
    for starts, scores in doc._.rel.items():
        for label, score in scores.items():
            head, tail = sorted(starts) if label in symmetric_labels else starts
            key = (head, tail, label)
            best[key] = max(float(score), best.get(key, 0.0))
    return [
        Relation(entities[head], entities[tail], label, score)
        for (head, tail, label), score in best.items()
        if score >= threshold
    ]
