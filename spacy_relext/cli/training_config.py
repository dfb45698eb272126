"""What a config says of a relation extractor that is to be trained."""

from configparser import Error as ConfigParserError
from itertools import takewhile
from pathlib import Path
from typing import (
    Any,
    Collection,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from spacy.language import Language
from spacy.util import load_config, load_model_from_config, registry

from ..candidates import keep_all, restore_state
from ..corpus import find_reader
from ..inspection import Setup
from .other_pipelines import complete, read_trained

# The sections of components, by their names.
Parts = Dict[str, Dict[str, Any]]
# Examples that spaCy initializes a pipeline with where the training data are streamed.
N_STREAMED = 100


class TrainingConfig(NamedTuple):
    """What a config says of a component.

    name (str): The component.
    part (Dict[str, Any]): Its section. Of one of another pipeline that is what the two
        configs say of it, or this one alone where there is no such pipeline yet.
    pipeline (Dict[str, Dict[str, Any]]): The sections of the pipeline's components, in
        their order.
    disabled (List[str]): The components that are disabled.
    before (Dict[str, Dict[str, Any]]): Those before it that are not; all others where it
        is not in the pipeline.
    annotating (Dict[str, Dict[str, Any]]): Those of them that annotate in training.
    initialize (Dict[str, Any]): The section of what is done before the training.
    nlp (Language): The tokenizer, and sentencizers for what sets sentence boundaries. Its
        config is the one that was read, without components.
    setup (Setup): The component's own.
    stand_ins (List[str]): Components that set sentence boundaries and are not loaded: a
        sentencizer with its defaults is in their place.
    given_labels (Optional[List[str]]): Those that [initialize] gives the component, None
        where it collects them from the training data.
    unread_labels (str): Why it is not known what labels it gives, "" where it is.
    source_labels (Optional[List[str]]): Those of a component that was trained before, None
        where it was not, or its pipeline is not there.
    """

    name: str
    part: Dict[str, Any]
    pipeline: Parts
    disabled: List[str]
    before: Parts
    annotating: Parts
    initialize: Dict[str, Any]
    nlp: Language
    setup: Setup
    stand_ins: List[str]
    given_labels: Optional[List[str]]
    unread_labels: str
    source_labels: Optional[List[str]]

    @property
    def is_known(self) -> bool:
        """RETURNS (bool): Whether it is known how the component is configured."""
        return "factory" in self.part

    @property
    def is_frozen(self) -> bool:
        """RETURNS (bool): Whether the component stays as it is in the training."""
        return self.name in self.nlp.config["training"]["frozen_components"]

    @property
    def n_initial(self) -> Optional[int]:
        """RETURNS (Optional[int]): How many examples of the training data the component is
        initialized with, None for all, and where the reader tells which these are."""
        _, reader = find_reader(self.nlp.config, "train")
        is_streamed = self.nlp.config["training"]["max_epochs"] == -1
        is_in_order = not reader.get("shuffle") and not reader.get("augmenter")
        return N_STREAMED if is_streamed and is_in_order else None


def read_training_config(
    path: Path, component: str, overrides: Optional[Dict[str, Any]] = None
) -> TrainingConfig:
    """Read a config. No encoder is loaded.

    path (Path): The config.
    component (str): Name of the component in it.
    overrides (Optional[Dict[str, Any]]): Values that take the place of its own, such as
        that of "paths.model".
    RETURNS (TrainingConfig): What it says.
    RAISES (ValueError): Where there is no such component, or what is read is no config.
    """
    try:
        config = load_config(path, overrides or {}, interpolate=True)
    except ConfigParserError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    if "nlp" not in config:
        raise ValueError(f"{path} has no section [nlp]")
    _check_types("nlp", config["nlp"], OF_NLP)
    components = {
        name: complete(name, part) for name, part in config.get("components", {}).items()
    }
    part = components.get(component)
    if part is None:
        names = ", ".join(components) or "none"
        raise ValueError(f"{path} has no component {component!r}, there are: {names}")
    _check_types(f"components.{component}", part, OF_COMPONENT)
    initialize = config.get("initialize", {})
    own = initialize.get("components", {}).get(component, {})
    # One that was trained before is not initialized.
    given_labels, unread = _read_labels(component, {} if "source" in part else own)
    trained = read_trained(component, part)
    source_labels = trained.get("labels")
    labels = given_labels if source_labels is None else source_labels
    names = config["nlp"].get("pipeline", [])
    config["nlp"]["pipeline"] = []
    # What the components load is not there yet, perhaps.
    config["components"], config["initialize"] = {}, {}
    disabled = config["nlp"].get("disabled", [])
    config["nlp"]["disabled"] = []
    try:
        nlp = load_model_from_config(config, auto_fill=True)
    except ImportError as error:
        # Of a language that is none.
        raise ValueError(f"{path}: {error}") from None
    _check_types("training", nlp.config["training"], OF_TRAINING)
    pipeline = {name: components.get(name, {}) for name in names}
    earlier = takewhile(component.__ne__, names)
    before = {name: pipeline[name] for name in earlier if name not in disabled}
    annotates = nlp.config["training"]["annotating_components"]
    annotating = {name: before[name] for name in before if name in annotates}
    stand_ins = _set_sentences(nlp, annotating)
    return TrainingConfig(
        component,
        part,
        pipeline,
        disabled,
        before,
        annotating,
        initialize,
        nlp,
        _read_setup(component, part, labels, trained, _find_window(components)),
        stand_ins,
        given_labels,
        unread,
        source_labels,
    )


def find_assigned(nlp: Language, name: str, part: Dict[str, Any]) -> Collection[str]:
    """What a component declares that it sets.

    nlp (Language): Of the language of the pipeline.
    name (str): The component.
    part (Dict[str, Any]): Its section.
    RETURNS (Collection[str]): The attributes, none where that is not known.
    """
    factory = get_factory(name, part)
    return nlp.get_factory_meta(factory).assigns if nlp.has_factory(factory) else ()


def get_factory(name: str, part: Dict[str, Any]) -> str:
    """The factory of a component.

    name (str): The component.
    part (Dict[str, Any]): Its section.
    RETURNS (str): The factory; where that is not known the name, which is that of the
        factory as a rule.
    """
    return part.get("factory") or part.get("component") or name


# What the values are that are read here.
Types = Mapping[str, Union[type, Tuple[type, ...]]]
NoneType = type(None)
OF_NLP: Types = {"pipeline": list, "disabled": list}
OF_TRAINING: Types = {
    "train_corpus": str,
    "dev_corpus": str,
    "frozen_components": list,
    "annotating_components": list,
    "score_weights": dict,
    "optimizer": dict,
}
OF_COMPONENT: Types = {
    "source": (str, NoneType),
    "pairs": dict,
    "grouping": (dict, NoneType),
    "spans_key": (str, NoneType),
    "symmetric_labels": list,
    "scorer": (dict, NoneType),
}


def _check_types(section: str, part: Dict[str, Any], types: Types) -> None:
    for key, expected in types.items():
        if key in part and not isinstance(part[key], expected):
            raise ValueError(f"{key} of [{section}] can't be {part[key]!r}")


def _read_setup(
    name: str,
    part: Dict[str, Any],
    labels: Optional[List[str]],
    trained: Dict[str, Any],
    window: Optional[int],
) -> Setup:
    options = {"pairs": keep_all}
    options.update(
        registry.resolve({key: part[key] for key in ("pairs", "grouping") if part.get(key)})
    )
    if trained:
        restore_state(name, options["pairs"], trained.get("pairs", {}))
    return Setup(
        spans_key=part.get("spans_key"),
        symmetric_labels=part.get("symmetric_labels", ()),
        window=window,
        labels=labels,
        learns_pairs="source" not in part,
        **options,
    )


def _read_labels(
    name: str, initialize: Dict[str, Any]
) -> Tuple[Optional[List[str]], str]:
    """The labels that a component is given, and why they can't be read."""
    try:
        labels = registry.resolve({"labels": initialize.get("labels")})["labels"]
    # The file may be written later, or its path be given with the training.
    except (ValueError, OSError) as error:
        return None, " ".join(str(error).split())
    is_list = isinstance(labels, list) and all(isinstance(x, str) for x in labels)
    if labels is not None and not is_list:
        section = f"initialize.components.{name}"
        raise ValueError(f"labels of [{section}] must be a list of texts, found: {labels!r}")
    return labels, ""


def _find_window(config: Dict[str, Any]) -> Optional[int]:
    """The least window of the transformers of a config, None where there is none."""
    parts = [part for part in config.values() if isinstance(part, dict)]
    windows = [config.get("get_spans", {}).get("window"), *map(_find_window, parts)]
    return min((found for found in windows if isinstance(found, int)), default=None)


def _set_sentences(nlp: Language, parts: Parts) -> List[str]:
    """Add a sentencizer for each component that sets sentence boundaries: itself, or
    where it is another one, which is or will be trained, a stand-in for it."""
    stand_ins = []
    for name, part in parts.items():
        if "token.is_sent_start" in find_assigned(nlp, name, part):
            options = {key: part[key] for key in part if key not in ("source", "component")}
            if options.pop("factory", None) != "sentencizer":
                stand_ins.append(name)
                options = {}
            nlp.add_pipe("sentencizer", name=name, config=options)
    return stand_ins
