"""What the studies compare: configs that the package recommends, or the recipe of the
benchmarks, each with what it departs in.

All see the same batches, and end in the same relation extractor.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from settings import COMPONENT, Settings, full_name
from tasks import (
    LAYERWISE,
    LOCAL_ENCODER,
    OWN_RATES,
    layerwise_adam,
    slanted_triangular,
)

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
OBJECTIVE = f"{COMPONENT}.objective"


@dataclass(frozen=True)
class Method:
    """A config, and what it departs in.

    label (str): What tables and figures call it.
    settings (Dict[str, Any]): Values to overwrite, after those of the task.
    config (Optional[Path]): The config, None for the task's.
    epochs (float): How many times the epochs of the task.
    min_steps (int): More epochs are made where they have fewer steps than that.
    """

    label: str
    settings: Settings = field(default_factory=dict)
    config: Optional[Path] = None
    epochs: float = 1.0
    min_steps: int = 0


def get_settings(method: Method, task_settings: Settings) -> Settings:
    """What a method overwrites for a task.

    method (Method): The method.
    task_settings (Dict[str, Any]): The settings of the task.
    RETURNS (Dict[str, Any]): Those and the method's, with the epochs of the method.
    """
    settings = {**task_settings, **method.settings}
    if method.config is not None:
        settings["training.batcher"] = BATCHER
    if method.epochs != 1:
        epochs = method.epochs * task_settings["training.max_epochs"]
        settings["training.max_epochs"] = max(1, round(epochs))
    return settings


def change_model(label: str, **options: Any) -> Method:
    """A method that departs in the model.

    label (str): What tables and figures call it.
    **options (Any): Options of the model to overwrite.
    RETURNS (Method): The method.
    """
    return Method(label, {full_name(name): value for name, value in options.items()})


def weigh(label: str, name: str = "multi_label", **options: Any) -> Method:
    """A method that departs in the objective.

    label (str): What tables and figures call it.
    name (str): The objective.
    **options (Any): Its options.
    RETURNS (Method): The method.
    """
    objective = {"@misc": f"spacy-relext.{name}.v1", **options}
    return Method(label, {OBJECTIVE: objective}, min_steps=MIN_STEPS)


def _augment(label: str, name: str, **options: Any) -> Method:
    """Each example once as it is and once changed, in half of the epochs."""
    augmenter = {"@augmenters": name, "level": 1.0, "keep_original": True, **options}
    settings = {"corpora.train.augmenter": augmenter}
    return Method(label, settings, epochs=0.5, min_steps=MIN_STEPS)


BATCHER = {
    "@batchers": "spacy.batch_by_padded.v1",
    "discard_oversize": False,
    "size": 640,
    "buffer": 640,
}
# Fewer steps teach little, however small the corpus.
MIN_STEPS = 100
# What does not have to be careful of pretrained weights takes, and needs, more.
MANY_STEPS = 400
ENCODER = LOCAL_ENCODER

# Each variant says its own settings, so that it means the same whatever the model's
# defaults are.
PARTS = {
    "recipe": Method("recipe"),
    "pooling-mean": change_model("mean pooling", pooling="mean"),
    "pooling-max": change_model("max pooling", pooling="max"),
    "pooling-first_last": change_model("first and last token", pooling="first_last"),
    "no-entity-types": change_model("no entity types", type_width=0),
    "no-distance": change_model("no distance", distance=False),
    "context-none": change_model("no context", context=None),
    "context-max": change_model("max context", context="max"),
    "context-attention": change_model("attention context", context="attention"),
    "depth-1": change_model("depth 1", depth=1),
    "depth-2": change_model("depth 2", depth=2),
    "hidden_width-128": change_model("width 128", hidden_width=128),
    "hidden_width-256": change_model("width 256", hidden_width=256),
}

ENCODERS = {
    "scratch": Method(
        "transformer, random weights",
        {"paths.encoder": "assets/random_encoder"},
        epochs=2.0,
        min_steps=MIN_STEPS,
    ),
    "tok2vec": Method(
        "tok2vec, random weights",
        config=CONFIGS / "tok2vec_cpu.cfg",
        epochs=4.0,
        min_steps=MANY_STEPS,
    ),
    "bilstm": Method(
        "BiLSTM over GloVe",
        {"paths.vectors": "assets/glove"},
        config=CONFIGS / "bilstm_vectors.cfg",
        epochs=4.0,
        min_steps=MANY_STEPS,
    ),
    "frozen": Method(
        "MiniLM, frozen",
        ENCODER,
        config=CONFIGS / "frozen.cfg",
        epochs=4.0,
        min_steps=MANY_STEPS,
    ),
    "fine-tuned": Method("MiniLM, fine-tuned", min_steps=MIN_STEPS),
    "layerwise": Method(
        "MiniLM, layer-wise rates and gradual unfreezing",
        ENCODER,
        config=CONFIGS / "layerwise.cfg",
        min_steps=MIN_STEPS,
    ),
}

RATE = "training.optimizer.learn_rate"
UNFREEZING = {"@callbacks": "spacy-relext.gradual_unfreezing.v1", "every": 0}


OPTIMIZER = "training.optimizer"
POLICIES = {
    "one-rate": Method("one rate for all", min_steps=MIN_STEPS),
    "own-rates": Method(
        "head at five times the encoder's rate",
        OWN_RATES,
        min_steps=MIN_STEPS,
    ),
    "layerwise": Method("layer-wise rates", LAYERWISE, min_steps=MIN_STEPS),
    "unfreezing": Method(
        "gradual unfreezing",
        {"training.before_update": UNFREEZING},
        min_steps=MIN_STEPS,
    ),
    "slanted": Method(
        "slanted triangular schedule",
        {RATE: slanted_triangular(2e-4)},
        min_steps=MIN_STEPS,
    ),
    "averaged": Method(
        "layer-wise rates that fall to a half, weights averaged",
        {
            OPTIMIZER: layerwise_adam(
                0.8,
                1.0,
                slanted_triangular(4e-4, ratio=2.0),
                use_averages=True,
                average_power=2.0,
            ),
            "initialize": {"after_init": {"@callbacks": "spacy-relext.average_encoder.v1"}},
        },
        min_steps=MIN_STEPS,
    ),
    "all": Method(
        "layer-wise rates, unfreezing and slanted triangular schedule",
        {
            OPTIMIZER: layerwise_adam(0.8, 1.0, slanted_triangular(4e-4)),
            "training.before_update": UNFREEZING,
        },
        min_steps=MIN_STEPS,
    ),
}

AUGMENTERS = {
    "none": Method("no augmentation", min_steps=MIN_STEPS),
    "mask-tokens": _augment("masked tokens", "spacy-relext.mask_tokens.v1"),
    "word-noise": _augment("misspelt words", "spacy-relext.word_noise.v1"),
    "mask-entities": _augment("masked entities", "spacy-relext.mask_entities.v1"),
    "replace-entities": _augment(
        "replaced entities", "spacy-relext.replace_entities.v1", path="${paths.train}"
    ),
}

IMBALANCE = {
    "plain": weigh("nothing"),
    "positive-weight": weigh("positive weight 5", positive_weight=5.0),
    "focal": weigh("focal loss, gamma 2", focal_gamma=2.0),
    "sampling": Method(
        "at most 20 pairs a doc to train on",
        {
            OBJECTIVE: {"@misc": "spacy-relext.multi_label.v1"},
            f"{COMPONENT}.max_pairs_per_doc": 20,
        },
        min_steps=MIN_STEPS,
    ),
    "adaptive": weigh("adaptive threshold", "adaptive_threshold"),
}

FEW = {
    "recipe": Method("recipe", min_steps=MIN_STEPS),
    "positive-weight": weigh("positive weight 5", positive_weight=5.0),
    "dropout": Method("dropout 0.3", {"training.dropout": 0.3}, min_steps=MIN_STEPS),
    "small-batches": Method(
        "batches of 240 words, twice the epochs",
        {"training.batcher.size": 240},
        epochs=2.0,
        min_steps=MIN_STEPS,
    ),
    "unclipped": Method(
        "gradients clipped at 100, not at 1",
        {f"{OPTIMIZER}.grad_clip": 100.0},
        min_steps=MIN_STEPS,
    ),
    "layerwise": POLICIES["layerwise"],
}

# Written by the project command `continued`.
FIRST = "training/first/semeval/seed-0/model-last"
# The options of that pipeline: what is carried over needs a model that is alike.
CONTINUE = {**POLICIES["layerwise"].settings, full_name("hidden_width"): 256}
SOURCE = {"components.transformer": {"source": FIRST}}
CARRY_OVER = {"@callbacks": "spacy-relext.carry_over.v1", "source": FIRST}
CONTINUED = {
    "from-encoder": Method("from MiniLM", CONTINUE, min_steps=MIN_STEPS),
    "from-transformer": Method(
        "from the transformer of a pipeline trained on SemEval",
        {**CONTINUE, **SOURCE},
        min_steps=MIN_STEPS,
    ),
    "from-extractor": Method(
        "from its transformer and its relation extractor",
        {**CONTINUE, **SOURCE, "initialize": {"after_init": CARRY_OVER}},
        min_steps=MIN_STEPS,
    ),
}
