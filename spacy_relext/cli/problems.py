"""What `relext debug-data` warns of."""

from typing import Any, Dict, Iterator

from .config_problems import Problem
from .training_config import N_STREAMED

# A label with fewer relations to train on is told of.
FEW = 20
# Characters that are shown of a text.
N_SHOWN = 80

# Lists of labels, each with a title and what it means.
LABELS = (
    (
        "absent_labels",
        "Labels in [initialize] that no relation has",
        "never learnt. Are they spelt as in the data?",
    ),
    (
        "other_labels",
        "Labels in the data that [initialize] does not give the component",
        "not learnt, and all missed. If another component learns them: `labels` of the "
        "scorer.",
    ),
    (
        "lacked_labels",
        "Labels in the data that the sourced component does not have",
        "not learnt, be they given in [initialize] or not, and all missed. If another "
        "component learns them: `labels` of the scorer. To start from it with other "
        "labels: spacy-relext.carry_over.v1.",
    ),
    (
        "late_labels",
        f"Labels that the first {N_STREAMED} examples of train do not have",
        "not learnt, and all missed: with max_epochs = -1 the training data are streamed, "
        "and these alone are looked at before. Give the component its labels, see "
        "`python -m spacy init labels`.",
    ),
    (
        "unscored_labels",
        "Labels of the scorer that no relation has",
        "scored as nothing, and what is called otherwise is not scored. Are they spelt as "
        "in the data?",
    ),
    ("unseen_labels", "Labels in dev that train does not have", "all missed."),
)


def find_problems(found: Dict[str, Any]) -> Iterator[Problem]:
    """What is likely to go wrong in a training.

    found (Dict[str, Any]): What `debug_data` returned.
    YIELDS (Tuple[str, str]): A title, and what it means or what to do.
    """
    yield from found["config_problems"]
    for name in ("train", "dev"):
        yield from _find_in_corpus(name, found[name], found["window"])
    yield from _find_in_labels(found)
    if found["shared_texts"]:
        yield (
            f"{len(found['shared_texts']):,} texts of dev are in train too",
            f"The score will flatter. The first: {found['shared_texts'][0][:N_SHOWN]!r}",
        )


def _find_in_corpus(name: str, corpus: Dict[str, Any], window: int) -> Iterator[Problem]:
    n = {key: f"{value:,}" for key, value in corpus.items() if isinstance(value, int)}
    if not corpus["labels"]:
        yield (
            f"No relations in {name}",
            "Was it written with DocBin(store_user_data=True)? spaCy's readers also drop "
            "them where they split docs.",
        )
        return
    if corpus["not_annotated"]:
        yield (
            f"{n['not_annotated']} docs in {name} without annotation",
            "They are neither learnt from nor scored. "
            "Set doc._.relations = [] where there is none.",
        )
    of_relations = f"of {n['relations']} relations in {name}"
    if corpus["without_entities"]:
        yield (
            f"{n['without_entities']} {of_relations} between spans that are no entities",
            "They can't be learnt or found. Are the entities in another group "
            "(spans_key)?",
        )
    if corpus["to_itself"]:
        yield (
            f"{n['to_itself']} {of_relations} of an entity to itself",
            "They can't be learnt or found: a pair has two entities.",
        )
    if corpus["out_of_reach"]:
        yield (
            f"{n['out_of_reach']} {of_relations} out of reach",
            "No candidate pair has them: they count as missed. Wider `pairs`, or entities "
            "of which some are lost?",
        )
    of_entities = f"of {n['entities']} entities in {name}"
    if corpus["misaligned"]:
        yield (
            f"{n['misaligned']} {of_entities} do not fit the tokens",
            "They are expanded to whole tokens. Is it the right tokenizer?",
        )
    if corpus["not_grouped"]:
        yield (
            f"The grouping makes each of {n['entities']} mentions in {name} an entity",
            "So it is of no use. Have the mentions what it goes by: a kb_id_, an ent_id_, "
            "clusters in doc.spans, one name?",
        )
    if corpus["nested"]:
        yield (
            f"{n['nested']} {of_entities} overlap others",
            "That is fine for the extractor; an ner can't learn them.",
        )
    if corpus["long_docs"]:
        yield (
            f"{n['long_docs']} of {n['docs']} docs in {name} longer than {window} tokens",
            "A transformer reads them in windows of that length: mentions that are further "
            "apart do not see each other.",
        )


def _find_in_labels(found: Dict[str, Any]) -> Iterator[Problem]:
    if found["unread_labels"]:
        yield "Labels in [initialize] can't be read", found["unread_labels"]
    for key, title, advice in LABELS:
        if found[key]:
            yield title, f"{', '.join(found[key])}: {advice}"
    train = found["train"]["labels"]
    few = [label for label, n in train.items() if n < FEW and label in found["learnt_labels"]]
    if few:
        yield f"Labels with fewer than {FEW} relations in train", ", ".join(few)
    for label, reason in found["train"]["looks_symmetric"].items():
        yield (
            f"{label} looks symmetric",
            f"{reason}. If it has no direction: symmetric_labels.",
        )
