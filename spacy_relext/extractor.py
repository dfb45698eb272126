"""The pipeline component that finds relations between entities."""

import warnings
from dataclasses import replace
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy
from spacy.errors import Errors
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Model, Optimizer, set_dropout_rate
from thinc.types import Floats2d, Ints1d

from .candidates import PairGenerator, generate_pairs, restore_state
from .decoding import average_directions, decide, get_records
from .entities import Entity
from .evidence import check_evidence_share, check_evidence_weight, find_evidence
from .grouping import Grouping, group_entities
from .objectives import Objective
from .pairs import Pairs
from .reference import Match
from .relation import ensure_extension
from .training_data import (
    read_examples,
    select_relations,
    warn_without_entities,
    warn_without_evidence,
)
from .truths import (
    get_evidence,
    get_truths,
    in_both_directions,
    match_relations,
    sample_pairs,
)
from .user_data import has_relations, read_records, write_records

Prediction = Tuple[Pairs, Floats2d]


class RelationExtractor(TrainablePipe):
    """Find labelled relations between the entities of a doc and write them to
    `doc._.relations`.
    """

    def __init__(
        self,
        nlp: Language,
        model: Model[Tuple[List[Doc], Pairs], Floats2d],
        name: str = "relation_extractor",
        *,
        pairs: PairGenerator,
        objective: Objective,
        grouping: Optional[Grouping] = None,
        spans_key: Optional[str] = None,
        symmetric_labels: Iterable[str] = (),
        max_pairs_per_doc: Optional[int] = None,
        evidence_share: Optional[float] = None,
        evidence_weight: float = 0.0,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Initialize the relation extractor.

        nlp (Language): The pipeline that it is part of.
        model (Model[Tuple[List[Doc], Pairs], Floats2d]): Scores candidate pairs.
        name (str): The component instance name, also used in the losses.
        pairs (PairGenerator): Which pairs of entities are candidates.
        objective (Objective): Loss, scores and decision.
        grouping (Optional[Callable]): Which mentions are of one entity, so that
            relations are sought between entities of the whole doc; None to seek
            them between mentions.
        spans_key (Optional[str]): Where mentions are: None for `doc.ents`, else
            the group of `doc.spans`, where they may nest and overlap.
        symmetric_labels (Iterable[str]): Labels of relations that hold in both
            directions. They are stored once, the first mention as head, and
            scored without order, see `average_directions`.
        max_pairs_per_doc (Optional[int]): Number of pairs of a doc to train on:
            all with a relation, and a new random choice of the others each time.
            None for all.
        evidence_share (Optional[float]): The share of what a relation is found by, 0 to
            1, that makes a sentence its evidence; None for no evidence. That is the
            attention of its pair, or the scores of its mentions: the model must have
            an attention context or pool scores, and the docs have sentences.
        evidence_weight (float): What it weighs in training that the attention of a pair
            goes to the evidence of its relations, where the annotation has some; 0 for
            nothing. The model must have an attention context.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): Where `max_pairs_per_doc` is below 1, `evidence_share` or
            `evidence_weight` is out of its range or not for this model, or another
            package registered `doc._.relations`.
        """
        ensure_extension()
        if max_pairs_per_doc is not None and max_pairs_per_doc < 1:
            raise ValueError(
                f"{name}: max_pairs_per_doc must be at least 1, or null for no limit, "
                f"found: {max_pairs_per_doc}"
            )
        if evidence_share is not None:
            check_evidence_share(name, model, evidence_share)
        if evidence_weight:
            check_evidence_weight(name, model, evidence_weight)
        self.vocab = nlp.vocab
        self.model = model
        self.name = name
        self.pairs = pairs
        self.objective = objective
        self.grouping = grouping
        self.evidence_share = evidence_share
        self.evidence_weight = evidence_weight
        self.scorer = scorer
        self.cfg: Dict[str, Any] = {
            "labels": [],
            "spans_key": spans_key,
            "symmetric_labels": sorted(symmetric_labels),
            "max_pairs_per_doc": max_pairs_per_doc,
            # What the pair generator learnt, and where `spacy find-threshold`
            # insists on writing what it tries; the objective has its own.
            "pairs": {},
            "objective": {},
            # What the model was trained with.
            "trained_for": None,
        }

    @property
    def labels(self) -> Tuple[str, ...]:
        """RETURNS (Tuple[str, ...]): The labels, in the order of the scores."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> List[str]:
        """RETURNS (List[str]): What `spacy init labels` keeps for `initialize`."""
        return list(self.labels)

    def add_label(self, label: str) -> int:
        """Add a label, before the model is initialized.

        label (str): The label.
        RETURNS (int): 0 if the label is already present, otherwise 1.
        RAISES (ValueError): Where it is empty or no string, or the model's size is fixed
            already.
        """
        if not isinstance(label, str):
            raise ValueError(Errors.E187)
        if not label:
            raise ValueError(f"{self.name}: a label must not be empty")
        if label in self.labels:
            return 0
        n_outputs = self.objective.n_outputs(len(self.labels) + 1)
        # A config may have set it for the labels to come.
        if self._is_initialized and n_outputs > self.model.get_dim("nO"):
            nO = self.model.get_dim("nO")
            raise ValueError(Errors.E922.format(name=self.name, nO=nO))
        self.cfg["labels"].append(label)
        self.vocab.strings.add(label)
        return 1

    def entities(self, doc: Doc) -> List[Entity]:
        """The entities of a doc between which relations are sought.

        doc (Doc): The doc.
        RETURNS (List[Union[Span, List[Span]]]): Its mentions, or lists of all mentions
            of each entity, see `group_entities`.
        """
        return group_entities(doc, self.grouping, self.cfg["spans_key"])

    def candidates(self, docs: Sequence[Doc]) -> Pairs:
        """The pairs of entities that get a score.

        docs (Sequence[Doc]): The docs, with their entities.
        RETURNS (Pairs): The pairs, in the order of the docs.
        """
        docs = list(docs)
        all_pairs = Pairs.all([self.entities(doc) for doc in docs])
        return generate_pairs(self.name, self.pairs, docs, all_pairs)

    def predict(self, docs: Iterable[Doc]) -> Prediction:
        """Score the candidate pairs of a batch of docs, without modifying them.

        docs (Iterable[Doc]): The docs.
        RETURNS (Tuple[Pairs, Floats2d]): The pairs, and for each its scores
            between 0 and 1, one a label.
        """
        if not self._is_initialized:
            raise ValueError(Errors.E109.format(name=self.name))
        docs = list(docs)
        pairs = self.candidates(docs)
        if not len(pairs):
            return pairs, self.model.ops.alloc2f(0, len(self.labels))
        ops, logits = self.model.ops, self.model.predict((docs, pairs))
        average_directions(ops, logits, pairs, self.symmetric_columns, self._n_own_outputs)
        return pairs, self.objective.scores(ops, logits)

    def set_annotations(self, docs: Iterable[Doc], prediction: Prediction) -> None:
        """Write the relations that hold to a batch of docs. Relations with labels
        of another component are left alone.

        docs (Iterable[Doc]): The docs.
        prediction (Tuple[Pairs, Floats2d]): What `predict` returned for them.
        """
        ensure_extension()
        docs, labels = list(docs), self.labels
        pairs, scores = prediction
        if numpy.isnan(float(scores.sum())):
            warnings.warn(
                f"{self.name}: some scores are not a number, and such pairs get no "
                "relation. Is an earlier component, or the training, at fault?"
            )
        symmetric = self.symmetric_columns
        held = decide(self.objective, scores, pairs, symmetric)
        evidence = None
        if self.evidence_share is not None:
            outputs = held[1] + self._n_own_outputs
            evidence = find_evidence(
                self.model, docs, pairs.select(held[0]), outputs, self.evidence_share
            )
        found = get_records(pairs, len(docs), held, labels, symmetric, evidence)
        for doc, records in zip(docs, found):
            others = [rec for rec in read_records(doc) if rec[0] not in labels]
            write_records(doc, others + records)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples: the candidates among the predicted
        entities are held against the reference's relations.

        examples (Iterable[Example]): The batch. One whose reference has no
            relations annotated (not even an empty list) is not learnt from.
        drop (float): The dropout rate.
        sgd (Optional[Optimizer]): The optimizer.
        losses (Optional[Dict[str, float]]): The losses, updated under the
            component's name.
        RETURNS (Dict[str, float]): The updated losses.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "RelationExtractor.update")
        docs = [eg.predicted for eg in examples]
        if not any(len(doc) for doc in docs):
            return losses
        set_dropout_rate(self.model, drop)
        pairs, truths = self._training_pairs(examples, self.candidates(docs))
        # Also without a pair: a listener that is skipped takes the gradient of the
        # other components away from the encoder that they share.
        logits, backprop = self.model.begin_update((docs, pairs))
        loss, d_logits = self._get_loss(logits, truths)
        backprop(d_logits)
        if sgd is not None:
            self.finish_update(sgd)
        losses[self.name] += loss
        if pairs.evidence is not None:
            losses[self.name] += float(sum(pairs.evidence.losses))
        return losses

    def get_loss(
        self, examples: Iterable[Example], prediction: Prediction
    ) -> Tuple[float, Floats2d]:
        """The loss of a batch, and its gradient.

        examples (Iterable[Example]): The batch.
        prediction (Tuple[Pairs, Floats2d]): Candidate pairs, and the model's
            logits for each.
        RETURNS (Tuple[float, Floats2d]): The loss, and its gradient with respect
            to the logits.
        RAISES (ValueError): Where the logits are not numbers.
        """
        pairs, logits = prediction
        return self._get_loss(logits, self.get_truths(examples, pairs))

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        labels: Optional[List[str]] = None,
    ) -> None:
        """Set the labels, let the pair generator learn, size the model.

        get_examples (Callable[[], Iterable[Example]]): Returns a representative
            sample of the training data.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[List[str]]): The labels, as `spacy init labels` keeps
            them; None to collect them from the examples.
        RAISES (ValueError): Where the labels are no list, there is none, a symmetric label
            is none of them, or they are not as many as the model was made for.
        """
        if isinstance(labels, str):
            raise ValueError(f"{self.name}: labels must be a list, found: {labels!r}")
        validate_get_examples(get_examples, "RelationExtractor.initialize")
        relations, sample = read_examples(
            get_examples(), self.grouping, self.cfg["spans_key"]
        )
        found = sorted({relation.label for relation in relations})
        for label in found if labels is None else labels:
            self.add_label(label)
        if nlp is not None:
            warn_without_entities(nlp, self.name, get_examples, self.cfg["spans_key"])
        symmetric = self.cfg["symmetric_labels"]
        relations = select_relations(self.name, relations, self.labels, symmetric)
        if self.evidence_weight:
            warn_without_evidence(self.name, relations)
        if hasattr(self.pairs, "initialize"):
            self.pairs.initialize(in_both_directions(relations, symmetric))
            self.cfg["pairs"] = self.pairs.state
        entities = [self.entities(doc) for doc in sample]
        n_outputs = self.objective.n_outputs(len(self.labels))
        if self._is_initialized and self.model.get_dim("nO") != n_outputs:
            raise ValueError(
                f"{self.name}: the labels {', '.join(self.labels)} need {n_outputs} outputs, "
                f"but nO of the model is {self.model.get_dim('nO')}. Leave it out."
            )
        self.model.initialize(
            X=(sample, Pairs.all(entities)), Y=self.model.ops.alloc2f(1, n_outputs)
        )
        self.cfg["trained_for"] = type(self.objective).__name__

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score a batch of examples, see `score_relations`."""
        kwargs.update(grouping=self.grouping, spans_key=self.cfg["spans_key"])
        return super().score(examples, candidates=self.candidates, **kwargs)

    def from_bytes(self, bytes_data: bytes, *, exclude=tuple()) -> "RelationExtractor":
        super().from_bytes(bytes_data, exclude=exclude)
        return self._restore()

    def from_disk(self, path, *, exclude=tuple()) -> "RelationExtractor":
        super().from_disk(path, exclude=exclude)
        return self._restore()

    def _restore(self) -> "RelationExtractor":
        n_outputs = self.objective.n_outputs(len(self.labels))
        if self._is_initialized and self.model.get_dim("nO") != n_outputs:
            raise ValueError(
                f"{self.name}: the model that was loaded has "
                f"{self.model.get_dim('nO')} outputs, but the objective needs {n_outputs} "
                f"for the labels {', '.join(self.labels)}. The objective must be the one "
                "that it was trained with."
            )
        found, trained_for = type(self.objective).__name__, self.cfg.get("trained_for")
        # Pipelines that were trained with an earlier version do not say.
        if trained_for not in (None, found):
            raise ValueError(
                f"{self.name}: the objective must be the one that the model was trained "
                f"with, {trained_for}, found: {found}"
            )
        if self._is_initialized:
            restore_state(self.name, self.pairs, self.cfg["pairs"])
        return self

    @property
    def _is_initialized(self) -> bool:
        return self.model.has_dim("nO") is True

    @property
    def symmetric_columns(self) -> Ints1d:
        """RETURNS (Ints1d): The indices of the symmetric labels among the labels."""
        symmetric = self.cfg["symmetric_labels"]
        return numpy.asarray(
            [i for i, label in enumerate(self.labels) if label in symmetric], dtype="int32"
        )

    @property
    def _n_own_outputs(self) -> int:
        return self.objective.n_outputs(len(self.labels)) - len(self.labels)

    def get_truths(self, examples: Iterable[Example], pairs: Pairs) -> Floats2d:
        """Which labels hold for pairs of entities, by the references.

        examples (Iterable[Example]): The batch.
        pairs (Pairs): Pairs of its predicted entities.
        RETURNS (Floats2d): 1 or 0, (pairs, labels), in main memory.
        """
        return get_truths(self._match(list(examples), pairs), pairs, self.labels)

    def _match(self, examples: Sequence[Example], pairs: Pairs) -> List[Match]:
        cfg = self.cfg
        return match_relations(
            examples,
            pairs,
            self.labels,
            cfg["symmetric_labels"],
            self.grouping,
            cfg["spans_key"],
        )

    def _training_pairs(
        self, examples: Sequence[Example], pairs: Pairs
    ) -> Tuple[Pairs, Floats2d]:
        """The pairs to train on, and their truths: none of a doc without annotation,
        and no more than `max_pairs_per_doc` of another unless that many have a
        relation."""
        annotated = numpy.asarray([has_relations(eg.reference) for eg in examples])
        pairs = pairs.select(annotated[pairs.doc[pairs.head]])
        matches = self._match(examples, pairs)
        truths = get_truths(matches, pairs, self.labels)
        if self.evidence_weight:
            pairs = replace(pairs, evidence=get_evidence(matches, self.evidence_weight))
        limit = self.cfg["max_pairs_per_doc"]
        if limit is not None:
            chosen = sample_pairs(pairs, truths.any(axis=1), limit)
            pairs, truths = pairs.select(chosen), truths[chosen]
        return pairs, truths

    def _get_loss(self, logits: Floats2d, truths: Floats2d) -> Tuple[float, Floats2d]:
        if not len(truths):
            return 0.0, logits
        ops = self.model.ops
        d_logits, loss = self.objective.loss(ops, logits, ops.asarray2f(truths))
        if not numpy.isfinite(loss):
            raise ValueError(
                f"{self.name}: the loss is not a number, or infinite. Lower the learning "
                "rate or train without mixed precision."
            )
        return loss, d_logits
