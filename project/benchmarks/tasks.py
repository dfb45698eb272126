"""The benchmark tasks: how each is trained, and scored."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Set

from spacy.language import Language
from spacy.training import Example

from semeval_score import score_pipeline
from settings import COMPONENT, CONFIG, DOCUMENT_CONFIG, Settings
from spacy_relext import get_relations, score_relations, set_relations
from spacy_relext.corpus import create_entity_corpus
from spacy_relext.grouping import (
    Grouping,
    configure_group_by_ent_id,
    configure_group_by_kb_id,
    get_entity_relations,
)
from spacy_relext.scorer import Fact, get_facts

LOCAL_ENCODER = {"paths.encoder": "assets/encoder"}


@dataclass(frozen=True)
class Task:
    """A corpus, what its recipe changes in benchmark.cfg, and its measure.

    figure (str): The score that counts.
    score (Callable[[Language, Path], Dict[str, Any]]): Scores a pipeline on a corpus.
    train (str): Split to train on where the test set is the judge.
    watch (str): Split to look at while training.
    tune_train (str): Split to train on where the judge is `tune_dev`.
    tune_dev (str): Split that decides on the model.
    settings (Dict[str, Any]): Values of benchmark.cfg to overwrite.
    choose_threshold (bool): Whether the threshold is that which is best on `watch`, which
        must not be trained on, in place of the objective's own.
    best (Dict[str, Any]): Values that won on dev data, for the figure to report; the
        studies, and the variants of the recipe for documents, do without them.
    config (Path): The config that `settings` change.
    """

    figure: str
    score: Callable[[Language, Path], Dict[str, Any]]
    train: str = "train"
    watch: str = "dev"
    tune_train: str = "train"
    tune_dev: str = "dev"
    settings: Settings = field(default_factory=dict)
    choose_threshold: bool = False
    best: Settings = field(default_factory=dict)
    config: Path = CONFIG


def score_relations_of(nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline on the gold entities of a corpus by the component's scorer.

    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): Its scores.
    """
    spans_key = nlp.get_pipe("relation_extractor").cfg["spans_key"]
    scores = nlp.evaluate(list(create_entity_corpus(path, spans_key=spans_key)(nlp)))
    return {name: value for name, value in scores.items() if name.startswith("rels_")}


def score_documents(grouping: Grouping, nlp: Language, path: Path) -> Dict[str, Any]:
    """Score a pipeline on the gold entities of a corpus of documents, the Ign-F1 with
    what is known from the training set that stands beside it. Relations of mentions are
    scored as those of their entities, each of them once, and none of an entity with
    itself.

    grouping (Callable): Which mentions are of one entity.
    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (Dict[str, Any]): Its scores.
    """
    return score_relations(
        annotate_documents(grouping, nlp, path),
        grouping=grouping,
        candidates=nlp.get_pipe("relation_extractor").candidates,
        known_facts=get_known_facts(nlp, path),
    )


def annotate_documents(grouping: Grouping, nlp: Language, path: Path) -> List[Example]:
    """Find the relations of entities in a corpus of documents.

    grouping (Callable): As of `score_documents`, and so are the next two.
    nlp (Language): The pipeline.
    path (Path): The corpus.
    RETURNS (List[Example]): What was found, beside the annotation.
    """
    examples = list(create_entity_corpus(path)(nlp))
    for doc in nlp.pipe(eg.predicted for eg in examples):
        found = get_entity_relations(doc, grouping)
        set_relations(doc, [rel for rel in found if rel.head_mentions != rel.tail_mentions])
    return examples


def get_known_facts(nlp: Language, path: Path) -> Set[Fact]:
    """What is known from the training set that stands beside a corpus.

    nlp (Language): Whose vocab to use.
    path (Path): The corpus.
    RETURNS (Set[Tuple[str, str, str]]): Texts of heads and tails, and labels.
    """
    train = create_entity_corpus(path.parent / "train.spacy")
    return get_facts(rel for eg in train(nlp) for rel in get_relations(eg.reference))


def warmup_linear(initial_rate: float) -> Settings:
    """A schedule as a section, its length to be filled in.

    initial_rate (float): The highest learning rate.
    RETURNS (Dict[str, Any]): The section.
    """
    return {
        "@schedules": "warmup_linear.v1",
        "warmup_steps": 0,
        "total_steps": 0,
        "initial_rate": initial_rate,
    }


def slanted_triangular(max_rate: float, **options: float) -> Settings:
    """Another schedule as a section, its length to be filled in.

    max_rate (float): The highest learning rate.
    **options (float): More options of spacy-relext.slanted_triangular.v1.
    RETURNS (Dict[str, Any]): The section.
    """
    schedule = "spacy-relext.slanted_triangular.v1"
    return {"@schedules": schedule, "max_rate": max_rate, "num_steps": 0, **options}


def layerwise_adam(
    layer_decay: float, head_factor: float, rate: Settings, **options: Any
) -> Settings:
    """An optimizer as a section.

    layer_decay (float): As of spacy-relext.layerwise_adam.v1, and so is the next.
    head_factor (float): What the rate of the head is multiplied by.
    rate (Dict[str, Any]): The schedule, a section.
    **options (Any): More options of the optimizer.
    RETURNS (Dict[str, Any]): The section.
    """
    return {
        "@optimizers": "spacy-relext.layerwise_adam.v1",
        "layer_decay": layer_decay,
        "head_factor": head_factor,
        "L2_is_weight_decay": True,
        "L2": 0.01,
        "grad_clip": 1.0,
        "use_averages": False,
        "learn_rate": rate,
        **options,
    }


# The policies of fine-tuning that won on dev data, one for each of two corpora.
OWN_RATES: Settings = {"training.optimizer": layerwise_adam(1.0, 5.0, warmup_linear(2e-4))}
LAYERWISE: Settings = {"training.optimizer": layerwise_adam(0.8, 1.0, warmup_linear(4e-4))}

# Entities that nest.
SPANS = {
    f"{COMPONENT}.spans_key": "entities",
    "corpora.train.spans_key": "entities",
    "corpora.dev.spans_key": "entities",
}

# Of documents, with one label.
POOLED_SCORES = {
    f"{COMPONENT}.model.mention_pooling": "scores",
    f"{COMPONENT}.model.context": "max",
    f"{COMPONENT}.model.group_width": 0,
    f"{COMPONENT}.objective": {
        "@misc": "spacy-relext.multi_label.v1",
        "threshold": 0.3,
    },
}

# Which mentions are of one entity, where relations are between entities of documents.
GROUPINGS: Dict[str, Grouping] = {
    "bc5cdr": configure_group_by_kb_id("|"),
    "redocred": configure_group_by_ent_id(),
}

TASKS = {
    "semeval": Task(
        figure="macro_f",
        score=score_pipeline,
        watch="sample",
        tune_train="tune_train",
        tune_dev="tune_dev",
        settings={"training.max_epochs": 5},
        best={f"{COMPONENT}.model.hidden_width": 256, **LAYERWISE},
    ),
    "conll04": Task(
        figure="rels_f",
        score=score_relations_of,
        train="train_dev",
        settings={
            "training.max_epochs": 8,
            f"{COMPONENT}.pairs.@misc": "spacy-relext.entity_types.v1",
        },
        best=OWN_RATES,
    ),
    "rel_component": Task(
        figure="rels_f",
        score=score_relations_of,
        # As the tutorial's component does.
        choose_threshold=True,
        settings={
            "training.max_epochs": 20,
            "training.optimizer.learn_rate.initial_rate": 1e-4,
            f"{COMPONENT}.objective.@misc": "spacy-relext.multi_label.v1",
            f"{COMPONENT}.symmetric_labels": ["Binds"],
        },
        best={
            f"{COMPONENT}.model.context": None,
            "training.batcher.size": 160,
            # Each sentence as it is, and with its genes masked.
            "training.max_epochs": 10,
            "corpora.train.augmenter": {
                "@augmenters": "spacy-relext.mask_entities.v1",
                "level": 1.0,
                "keep_original": True,
            },
        },
    ),
    "bc5cdr": Task(
        figure="rels_f",
        score=partial(score_documents, GROUPINGS["bc5cdr"]),
        config=DOCUMENT_CONFIG,
        train="train_dev",
        watch="sample",
        settings={"training.max_epochs": 4, **LOCAL_ENCODER},
        best=POOLED_SCORES,
    ),
    "redocred": Task(
        figure="rels_f",
        score=partial(score_documents, GROUPINGS["redocred"]),
        config=DOCUMENT_CONFIG,
        watch="sample",
        tune_train="tune_train",
        tune_dev="tune_dev",
        settings={
            "training.max_epochs": 10,
            f"{COMPONENT}.grouping": {"@misc": "spacy-relext.group_by_ent_id.v1"},
            f"{COMPONENT}.pairs.@misc": "spacy-relext.all_pairs.v1",
            **LOCAL_ENCODER,
        },
    ),
    "ehealthkd": Task(
        figure="rels_f",
        score=score_relations_of,
        settings={"training.max_epochs": 8, **SPANS},
    ),
    "sanwen": Task(
        figure="rels_f",
        score=score_relations_of,
        settings={
            "training.max_epochs": 4,
            f"{COMPONENT}.symmetric_labels": ["Coreference"],
            **SPANS,
        },
    ),
}
