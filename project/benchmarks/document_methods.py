"""What the studies of whole documents compare: document.cfg, each variant with what it
departs in, fine-tuned or on a frozen encoder."""

from methods import OBJECTIVE, OPTIMIZER, RATE, Method, change_model, weigh
from settings import COMPONENT, full_name
from tasks import POOLED_SCORES, layerwise_adam, warmup_linear

LISTENER = "spacy-transformers.TransformerListener.v1"
# What tells relating mentions from relating entities.
MENTIONS = {
    f"{COMPONENT}.grouping": None,
    full_name("prominence"): False,
    f"{OBJECTIVE}.threshold": 0.5,
}
DOCUMENTS = {
    "recipe": Method("document.cfg"),
    "mention": Method(
        "mentions, the closest two of a relation to learn from",
        {**MENTIONS, full_name("context"): "max", full_name("group_width"): 0},
    ),
    "mention-document": Method("mentions, scored as document.cfg scores entities", MENTIONS),
    "no-prominence": change_model("without prominence of the entities", prominence=False),
    "context-none": change_model("no context", context=None),
    "context-max": change_model("max context between the closest mentions", context="max"),
    "context-attention": change_model("attention context alone", context="attention"),
    "sum": change_model("sum of head and tail, not bilinear", group_width=0),
    "mention-pooling-mean": change_model("mean of the mentions", mention_pooling="mean"),
    "mention-pooling-max": change_model("maximum of the mentions", mention_pooling="max"),
    "pooled-scores": Method(
        "scores of the mentions pooled, max context, sum, one threshold", POOLED_SCORES
    ),
    "multi-label": weigh("one threshold for all", threshold=0.25),
    "threshold": Method("threshold 0.5", {f"{OBJECTIVE}.threshold": 0.5}),
    "one-rate": Method(
        "one learning rate for all",
        {OPTIMIZER: layerwise_adam(1.0, 1.0, warmup_linear(2e-4))},
    ),
    "mean-of-windows": Method(
        "mean of overlapping windows",
        {f"{COMPONENT}.model.tok2vec.@architectures": LISTENER},
    ),
}

# The same heads on frozen features: another question, as the encoder can't make up for
# what a head lacks, in a fraction of the time.
FROZEN = {
    "training.frozen_components": ["transformer"],
    "training.annotating_components": ["transformer"],
    "initialize.before_init": {
        "@callbacks": "spacy-relext.frozen_encoder.v1",
        "component": "transformer",
        "max_docs": None,
    },
    f"{OPTIMIZER}.head_factor": 1.0,
    f"{RATE}.initial_rate": 1e-3,
    "training.max_epochs": 10,
}
FROZEN_DOCUMENTS = {
    name: Method(method.label, {**FROZEN, **method.settings})
    for name, method in DOCUMENTS.items()
    if name != "one-rate"
}
