"""What a config says of a relation extractor that is to be trained."""

from pathlib import Path
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple

import srsly
from spacy.language import Language
from spacy.util import load_config, load_model_from_config, registry

from ..candidates import keep_all
from ..corpus import find_clusters_prefix, find_reader
from ..inspection import Setup
from ..training_data import may_set_mentions

# Of spaCy's components those that keep the entities that they are given.
KEEPERS = ("ner", "beam_ner")
ENTITY_READER = "spacy-relext.EntityCorpus.v1"
# spaCy's own, which `init fill-config` fills in.
PLAIN_READER = "spacy.Corpus.v1"


class TrainingConfig(NamedTuple):
    """What a config says of a component.

    nlp (Language): The tokenizer, and sentencizers for what sets sentence boundaries.
    setup (Setup): The component's own.
    stand_ins (List[str]): Components that set sentence boundaries and are not loaded: a
        sentencizer with its defaults is in their place.
    missing (Dict[str, str]): Why the component would get no "entities of train", or
        "clusters of dev", and so on.
    labels (Optional[List[str]]): Those that [initialize] gives the component, None where
        it collects them from the training data.
    unread_labels (str): Why it is not known what labels it gives, "" where it is.
    source_labels (Optional[List[str]]): Those of a component that was trained before, None
        where it was not, or its pipeline is no folder to read them from.
    flattered (Sequence[str]): Components that are trained to find the entities of dev, and
        are given them.
    """

    nlp: Language
    setup: Setup
    stand_ins: List[str]
    missing: Dict[str, str]
    labels: Optional[List[str]] = None
    unread_labels: str = ""
    source_labels: Optional[List[str]] = None
    flattered: Sequence[str] = ()


def read_training_config(path: Path, component: str) -> TrainingConfig:
    """Read a config. No encoder is loaded.

    path (Path): The config.
    component (str): Name of the component in it.
    RETURNS (TrainingConfig): What it says.
    RAISES (ValueError): Where there is no such component.
    """
    config = load_config(path, interpolate=True)
    components = config.get("components", {})
    found = components.get(component)
    if found is None:
        names = ", ".join(components) or "none"
        raise ValueError(f"{path} has no component {component!r}, there are: {names}")
    options = {
        "spans_key": found.get("spans_key"),
        "symmetric_labels": found.get("symmetric_labels", ()),
        "window": _find_window(components),
    }
    if found.get("grouping"):
        options.update(registry.resolve({"grouping": found["grouping"]}))
    if "pairs" in found:
        pairs = registry.resolve({"pairs": found["pairs"]})["pairs"]
    else:
        pairs = keep_all
    setup = Setup(pairs, **options)
    names = config["nlp"].get("pipeline", [])
    keepers = [x for x in names if _get_factory(x, components.get(x, {})) in KEEPERS]
    names = names[: names.index(component)] if component in names else names
    before = {name: components.get(name, {}) for name in names}
    initialize = config.get("initialize", {}).get("components", {}).get(component, {})
    # One that was trained before is not initialized.
    labels, unread_labels = _read_labels({} if "source" in found else initialize)
    config["nlp"]["pipeline"] = []
    # What the components load is not there yet, perhaps.
    config["components"], config["initialize"] = {}, {}
    nlp = load_model_from_config(config, auto_fill=True)
    named = nlp.config["training"]["annotating_components"]
    annotating = {name: part for name, part in before.items() if name in named}
    missing = {}
    # One that was trained before does not say here where it looks.
    if "source" not in found:
        wanted = [("entities", "spans_key", setup.spans_key)]
        prefix = find_clusters_prefix(setup.grouping, default=None)
        if prefix is not None:
            wanted.append(("clusters", "clusters_prefix", prefix))
        for data, finders in (("train", annotating), ("dev", before)):
            for name, option, value in wanted:
                why = _check_reader(nlp.config, data, option, value)
                if why and not _may_find(nlp, finders, value):
                    missing[f"{name} of {data}"] = why
    stand_ins = _set_sentences(nlp, annotating)
    _, reader = find_reader(nlp.config, "dev")
    flattered = []
    if reader.get("@readers") == ENTITY_READER and reader.get("spans_key") is None:
        frozen = nlp.config["training"]["frozen_components"]
        flattered = [name for name in keepers if name not in frozen]
    return TrainingConfig(
        nlp,
        setup,
        stand_ins,
        missing,
        labels,
        unread_labels,
        _read_source_labels(component, found),
        flattered,
    )


def _read_labels(initialize: Dict[str, Any]) -> Tuple[Optional[List[str]], str]:
    """The labels that a component is given, and why they can't be read."""
    try:
        return registry.resolve({"labels": initialize.get("labels")})["labels"], ""
    # The file may be written later, or its path be given with the training.
    except (ValueError, OSError) as error:
        return None, " ".join(str(error).split())


def _read_source_labels(name: str, part: Dict[str, Any]) -> Optional[List[str]]:
    """The labels of a component of a saved pipeline, None where they are not there."""
    if not part.get("source"):
        return None
    path = Path(part["source"], part.get("component", name), "cfg")
    return srsly.read_json(path).get("labels") if path.is_file() else None


def _find_window(config: Dict[str, Any]) -> Optional[int]:
    """The least window of the transformers of a config, None where there is none."""
    parts = [part for part in config.values() if isinstance(part, dict)]
    windows = [config.get("get_spans", {}).get("window"), *map(_find_window, parts)]
    return min((found for found in windows if isinstance(found, int)), default=None)


def _check_reader(
    config: Dict[str, Any], data: str, option: str, wanted: Optional[str]
) -> str:
    """Why a reader does not hand over what the component looks for, "" where it does or
    that is not known."""
    corpus, reader = find_reader(config, data)
    name, given = reader.get("@readers"), reader.get(option)
    setting = f"{option} = {srsly.json_dumps(wanted)}"
    if name == PLAIN_READER:
        how = "" if wanted is None else f" with {setting}"
        return f"{name} of [{corpus}] hands none over: {ENTITY_READER}{how} does."
    if name == ENTITY_READER and given != wanted:
        found = f"{option} = {srsly.json_dumps(given)}"
        return f"{name} of [{corpus}] has {found}, the component needs {setting}."
    return ""


def _may_find(nlp: Language, parts: Dict[str, Dict[str, Any]], key: Optional[str]) -> bool:
    """Whether one of the components may set `doc.ents`, or groups of `doc.spans`."""
    return any(
        may_set_mentions(_find_assigned(nlp, name, part), part, key)
        for name, part in parts.items()
    )


def _set_sentences(nlp: Language, parts: Dict[str, Dict[str, Any]]) -> List[str]:
    """Add a sentencizer for each component that sets sentence boundaries: itself, or
    where it is another one, which is or will be trained, a stand-in for it."""
    stand_ins = []
    for name, part in parts.items():
        if "token.is_sent_start" in _find_assigned(nlp, name, part):
            options = dict(part)
            if options.pop("factory", None) != "sentencizer":
                stand_ins.append(name)
                options = {}
            nlp.add_pipe("sentencizer", name=name, config=options)
    return stand_ins


def _find_assigned(nlp: Language, name: str, part: Dict[str, Any]) -> Collection[str]:
    """What a component declares that it sets, nothing where that is not known."""
    factory = _get_factory(name, part)
    return nlp.get_factory_meta(factory).assigns if nlp.has_factory(factory) else ()


def _get_factory(name: str, part: Dict[str, Any]) -> str:
    # One of another pipeline has the name of its factory there, as a rule.
    return part.get("factory") or part.get("component") or name
