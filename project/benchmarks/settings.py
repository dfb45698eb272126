"""Settings of trainings, by their full names in a config, and figures as they are told."""

import math
from copy import deepcopy
from inspect import signature
from pathlib import Path
from random import shuffle
from statistics import mean, stdev
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import srsly
from spacy.util import fix_random_seed, get_lang_class, load_config, registry
from thinc.api import Config
from wasabi import msg

from spacy_relext.architectures import build_relation_model

CONFIG = Path(__file__).resolve().parents[1] / "configs" / "benchmark.cfg"
DOCUMENT_CONFIG = Path(__file__).resolve().parents[2] / "configs" / "document.cfg"
COMPONENT = "components.relation_extractor"
# What goes by the length of a training, as shares of its steps. Each is set where the
# config has it.
LENGTHS = {
    "training.optimizer.learn_rate.total_steps": 1.0,
    "training.optimizer.learn_rate.num_steps": 1.0,
    "training.optimizer.learn_rate.warmup_steps": 0.1,
    "training.before_update.every": 0.05,
}

Settings = Dict[str, Any]


def make_config(path: Path, settings: Settings, min_steps: int = 0) -> Config:
    """A config with other values, for a training of some epochs, one score an epoch.

    path (Path): The config.
    settings (Dict[str, Any]): Values to overwrite by their full names; a value that is
        a dict takes the place of a section. `training.max_epochs` says how long.
    min_steps (int): More epochs are made where they have fewer steps than that.
    RETURNS (Config): The config, not interpolated.
    """
    config = load_config(path, interpolate=False)
    for name, value in settings.items():
        section, key = _find(config, name)
        if section is None:
            msg.fail(f"Not in {path}, so it can't be set: {name}", exits=1)
        section[key] = deepcopy(value)
    training = config.interpolate()["training"]
    n_batches = count_batches(config.interpolate())
    max_epochs = max(training["max_epochs"], math.ceil(min_steps / n_batches))
    config["training"].update(
        max_epochs=max_epochs, max_steps=0, patience=0, eval_frequency=n_batches
    )
    for name, share in LENGTHS.items():
        section, key = _find(config, name)
        if section is not None and key in section:
            section[key] = max(1, int(share * max_epochs * n_batches))
    return config


def count_batches(config: Config) -> int:
    """Batches of an epoch. How many a shuffled epoch makes is known to about one in 100.

    config (Config): The config, interpolated.
    RETURNS (int): Their number.
    """
    nlp = get_lang_class(config["nlp"]["lang"])()
    corpus = registry.resolve({"train": config["corpora"]["train"]})["train"]
    batcher = registry.resolve({"batcher": config["training"]["batcher"]})["batcher"]
    fix_random_seed(0)
    examples = list(corpus(nlp))
    shuffle(examples)
    return sum(1 for _ in batcher(examples))


def read_settings(options: Iterable[str]) -> Settings:
    """Settings given as text.

    options (Iterable[str]): Each as in `training.max_epochs=5`; a name without a dot is
        an option of the model, as in `pooling=max`.
    RETURNS (Dict[str, Any]): The values by their full names.
    RAISES (SystemExit): Where one is not of that form, after a message.
    """
    settings = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            msg.fail(f"Expected name=value, found: {option}", exits=1)
        settings[full_name(name)] = _parse(value)
    return settings


def get_model_defaults() -> Settings:
    """The options of the model that have a default.

    RETURNS (Dict[str, Any]): The defaults by their full names.
    """
    parameters = signature(build_relation_model).parameters.values()
    return {
        full_name(option.name): option.default
        for option in parameters
        if option.default is not option.empty and option.name != "nO"
    }


def get_model_options(path: Path) -> Settings:
    """The options of the model that a config sets, of those that have a default.

    path (Path): The config.
    RETURNS (Dict[str, Any]): The options by their full names.
    """
    model = load_config(path, interpolate=False)["components"]["relation_extractor"]["model"]
    options = {full_name(name): value for name, value in model.items()}
    return {name: options[name] for name in get_model_defaults() if name in options}


def full_name(name: str) -> str:
    """The full name of a setting.

    name (str): Its name; without a dot it is an option of the model.
    RETURNS (str): Where it stands in benchmark.cfg.
    """
    return name if "." in name else f"{COMPONENT}.model.{name}"


def check_names(what: str, found: Iterable[str], known: Iterable[str]) -> None:
    """End the program with a message where a name is not known.

    what (str): What the names are of, for the message.
    found (Iterable[str]): The names.
    known (Iterable[str]): Those that there are.
    """
    for name in found:
        if name not in known:
            msg.fail(f"No such {what}: {name}", f"There are: {', '.join(known)}", exits=1)


def read_result(path: Path, setup: Settings) -> Optional[Dict[str, Any]]:
    """What was measured before.

    path (Path): JSON file.
    setup (Dict[str, Any]): What it has to have been measured with.
    RETURNS (Optional[Dict[str, Any]]): What stands there; None where there is no such
        file, or it is of another setup.
    """
    if not path.exists():
        return None
    result = dict(srsly.read_json(path))
    # A number that is read may be another in its last digit than that which was written.
    as_read = srsly.json_loads(srsly.json_dumps(setup))
    return result if result["setup"] == as_read else None


def summarise(figures: List[float]) -> Dict[str, Optional[float]]:
    """Mean and sample standard deviation over the seeds.

    figures (List[float]): One a seed.
    RETURNS (Dict[str, Optional[float]]): `mean` and `stdev`, the latter None where
        there is one figure alone.
    """
    spread = stdev(figures) if len(figures) > 1 else None
    return {"mean": mean(figures), "stdev": spread}


def as_percent(summary: Dict[str, Optional[float]]) -> str:
    """A summary as it stands in a table, in percent."""
    text = f"{100 * summary['mean']:.1f}"
    return text if summary["stdev"] is None else f"{text} ± {100 * summary['stdev']:.1f}"


def as_markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of figures as Markdown.

    header (Sequence[str]): The heads of the columns, the first of which tells what the
        rows are.
    rows (Iterable[Sequence[str]]): The cells of each row.
    RETURNS (str): The table.
    """
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _find(config: Config, name: str) -> Tuple[Optional[Dict[str, Any]], str]:
    """The section that a setting stands in, None where there is none, and its key."""
    *sections, key = name.split(".")
    section: Any = config
    for part in sections:
        section = section.get(part) if isinstance(section, dict) else None
    return section if isinstance(section, dict) else None, key


def _parse(value: str) -> Any:
    try:
        return srsly.json_loads(value)
    except ValueError:
        return value
