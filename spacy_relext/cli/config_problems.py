"""What of a config `relext debug-data` warns of."""

from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import srsly
from spacy.tokens import Doc

from ..corpus import find_clusters_prefix, find_reader
from ..factory import DEFAULT_SCORE_WEIGHTS
from ..scorer import SUFFIXES
from ..training_data import get_attr, select_finders
from .training_config import Parts, TrainingConfig, find_assigned, get_factory

# A title, and what it means or what to do.
Problem = Tuple[str, str]

# Of spaCy's components those that keep the entities that they are given.
KEEPERS = ("ner", "beam_ner")
ENTITY_READER = "spacy-relext.EntityCorpus.v1"
# spaCy's own, which `init fill-config` fills in.
PLAIN_READER = "spacy.Corpus.v1"
AVERAGES = "spacy-relext.average_encoder.v1"
SCORER = "spacy-relext.relation_scorer.v1"
RELATIONS = "doc._.relations"


def find_config_problems(
    config: TrainingConfig, docs: Dict[str, List[Doc]]
) -> Iterator[Problem]:
    """What of a config is likely to go wrong in a training.

    config (TrainingConfig): The config.
    docs (Dict[str, List[Doc]]): The references of `train` and `dev`.
    YIELDS (Tuple[str, str]): A title, and what it means or what to do.
    """
    name = config.name
    if name not in config.pipeline:
        yield f"{name} is not in the pipeline of [nlp]", "It would not be trained."
    elif name in config.disabled:
        yield f"{name} is disabled in [nlp]", "It would not be trained, and find nothing."
    elif config.is_frozen and "source" not in config.part:
        yield (
            f"{name} is frozen, and of no other pipeline",
            "It would have learnt nothing that it could go by: the training will stop at "
            "that.",
        )
    if config.is_known:
        yield from _find_other_kind(config)
        yield from _find_gaps(config)
    for data in ("train", "dev"):
        yield from _find_split(config, data, docs[data])
    yield from _find_flattered(config)
    yield from _find_deaf(config)
    if config.part.get("evidence_share") is not None and not _may_set_sentences(config):
        yield (
            f"{name} has an evidence_share, but nothing before it sets sentences",
            "So its relations get no evidence. Put a sentencizer, senter or parser before it.",
        )
    yield from _find_half_averaged(config)
    key, _ = read_scorer(config)
    if key is not None and not _is_weighted(config, key):
        yield (
            f"No score of {name} is in [training.score_weights]",
            f"So the best pipeline is chosen by others, or none is. Its scorer's key is "
            f"{key!r}: weigh {key}_f.",
        )


def read_scorer(config: TrainingConfig) -> Tuple[Optional[str], Optional[List[str]]]:
    """What the scorer of the component is configured with.

    config (TrainingConfig): The config.
    RETURNS (Tuple[Optional[str], Optional[List[str]]]): Its key, None where that is not
        known; the labels that it scores, None for all.
    """
    scorer = config.part.get("scorer", {"@scorers": SCORER} if config.is_known else None)
    if not scorer or scorer.get("@scorers") != SCORER:
        return None, None
    return scorer.get("key", "rels"), scorer.get("labels")


def _find_other_kind(config: TrainingConfig) -> Iterator[Problem]:
    """What tells that the component is no relation extractor."""
    factory = get_factory(config.name, config.part)
    assigned = find_assigned(config.nlp, config.name, config.part)
    if not config.nlp.has_factory(factory):
        reason = "spaCy knows none of that name. Is it in a file that --code imports?"
    # Not all factories say what they set.
    elif assigned and RELATIONS not in assigned:
        reason = "Such a component sets no doc._.relations. Is it the right --component?"
    else:
        return
    yield f"The factory of {config.name} is {factory!r}", reason


def _find_gaps(config: TrainingConfig) -> Iterator[Problem]:
    """The entities and clusters that the component would not get."""
    wanted = [("entities", "spans_key", config.setup.spans_key)]
    prefix = find_clusters_prefix(config.setup.grouping, default=None)
    if prefix is not None:
        wanted.append(("clusters", "clusters_prefix", prefix))
    finders_of = {"train": config.annotating, "dev": config.before}
    # One that learns nothing needs nothing to learn from.
    if config.is_frozen:
        del finders_of["train"]
    for data, finders in finders_of.items():
        for what, option, value in wanted:
            why = _check_reader(config, data, option, value)
            if why and not _find_finders(config, finders, value):
                yield (
                    f"The component would get no {what} of {data}",
                    f"{why} Where the pipeline finds them, the component that does must "
                    "stand before the extractor and be named in annotating_components.",
                )


def _check_reader(
    config: TrainingConfig, data: str, option: str, wanted: Optional[str]
) -> str:
    """Why a reader does not hand over what the component looks for, "" where it does or
    that is not known."""
    corpus, reader = find_reader(config.nlp.config, data)
    name, given = reader.get("@readers"), reader.get(option)
    setting = f"{option} = {srsly.json_dumps(wanted)}"
    if name == PLAIN_READER:
        how = "" if wanted is None else f" with {setting}"
        return f"{name} of [{corpus}] hands none over: {ENTITY_READER}{how} does."
    if name == ENTITY_READER and given != wanted:
        found = f"{option} = {srsly.json_dumps(given)}"
        return f"{name} of [{corpus}] has {found}, the component needs {setting}."
    return ""


def _find_finders(config: TrainingConfig, parts: Parts, key: Optional[str]) -> List[str]:
    """Those of the components that may set `doc.ents`, or groups of `doc.spans`."""
    components = (
        (name, find_assigned(config.nlp, name, part), part) for name, part in parts.items()
    )
    return select_finders(components, get_attr(key))


def _find_split(config: TrainingConfig, data: str, docs: Iterable[Doc]) -> Iterator[Problem]:
    """The docs that spaCy's reader splits or leaves out."""
    corpus, reader = find_reader(config.nlp.config, data)
    if reader.get("@readers") != PLAIN_READER:
        return
    length = reader.get("max_length", 0)
    if reader.get("gold_preproc"):
        option = "gold_preproc"
        n_split = sum(doc.has_annotation("SENT_START") for doc in docs)
    else:
        option = f"max_length = {length}"
        n_split = sum(len(doc) >= length for doc in docs) if length else 0
    if n_split:
        yield (
            f"{n_split:,} docs in {data} would lose their relations",
            f"{PLAIN_READER} of [{corpus}] splits them into sentences, or leaves them out: "
            f"no {option} there.",
        )


def _find_flattered(config: TrainingConfig) -> Iterator[Problem]:
    """The components that are trained to find the entities of dev, and are given them."""
    _, reader = find_reader(config.nlp.config, "dev")
    if reader.get("@readers") != ENTITY_READER or reader.get("spans_key") is not None:
        return
    idle = {*config.nlp.config["training"]["frozen_components"], *config.disabled}
    for name, part in config.pipeline.items():
        if get_factory(name, part) in KEEPERS and name not in idle:
            yield (
                f"{name} is given the entities of dev that it is to find",
                "It keeps them, so its scores would be those of the answers, and those of "
                f"the relations too good. Let {PLAIN_READER} read the corpora, and name the "
                "component in annotating_components.",
            )


def _find_deaf(config: TrainingConfig) -> Iterator[Problem]:
    """The components that find the entities to learn from without their encoder, which
    leaves nothing in the docs of a training unless it annotates as well."""
    finders = _find_finders(config, config.annotating, config.setup.spans_key)
    for finder in finders:
        # Those get a copy of the encoder.
        if config.pipeline[finder].get("replace_listeners"):
            continue
        for listener in _find_sections(config.pipeline[finder], "@architectures", "Listener"):
            encoders = _find_encoders(config.before, listener)
            if encoders and not config.annotating.keys() & encoders:
                names = ", ".join(encoders)
                yield (
                    f"{finder} would find the entities of train without its vectors",
                    f"It listens to {names}, which [training.annotating_components] does "
                    f"not name. Name {names} as well.",
                )


def _find_half_averaged(config: TrainingConfig) -> Iterator[Problem]:
    """Transformers whose weights are not averaged where those around them are."""
    training = config.nlp.config["training"]
    if not training["optimizer"].get("use_averages"):
        return
    after_init = {"after_init": config.initialize.get("after_init")}
    if any(_find_sections(after_init, "@callbacks", AVERAGES)):
        return
    for name, part in config.pipeline.items():
        is_frozen = name in training["frozen_components"]
        if "transformer" in get_factory(name, part) and not is_frozen:
            yield (
                f"Weights are averaged, but not those of {name}",
                "What is scored and saved does not fit together then. Without use_averages, "
                f"or with {AVERAGES} as [initialize.after_init].",
            )


def _may_set_sentences(config: TrainingConfig) -> bool:
    """Whether a component before it sets sentence boundaries, or does not say what it sets."""
    assigned = [find_assigned(config.nlp, *item) for item in config.before.items()]
    return any(not attrs or "token.is_sent_start" in attrs for attrs in assigned)


def _find_sections(part: Dict[str, Any], kind: str, name: str) -> Iterator[Dict[str, Any]]:
    """The sections within one that name a registered function with this in its name."""
    if name in part.get(kind, ""):
        yield part
    for value in part.values():
        if isinstance(value, dict):
            yield from _find_sections(value, kind, name)


def _find_encoders(parts: Parts, listener: Dict[str, Any]) -> List[str]:
    """What a listener listens to of the components."""
    kind = "tok2vec" if "Tok2Vec" in listener["@architectures"] else "transformer"
    upstream = listener.get("upstream", "*")
    return [
        name
        for name, part in parts.items()
        if upstream in ("*", name) and kind in get_factory(name, part)
    ]


def _is_weighted(config: TrainingConfig, key: str) -> bool:
    """Whether one of the scores counts, as given or as spaCy fills it in."""
    given = config.nlp.config["training"]["score_weights"]
    weights = {**DEFAULT_SCORE_WEIGHTS, **given}
    return any(weights.get(f"{key}{suffix}") for suffix in SUFFIXES)
