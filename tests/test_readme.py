"""The README names everything that there is to configure."""

import configparser
import inspect
from pathlib import Path

import pytest

from spacy_relext.architectures import build_relation_model
from spacy_relext.factory import make_relation_extractor
from spacy_relext.objectives import (
    configure_adaptive_threshold,
    configure_multi_label,
    configure_single_label,
)
from spacy_relext.scorer import make_relation_scorer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf8")


@pytest.mark.parametrize(
    "function",
    [
        make_relation_extractor,
        build_relation_model,
        configure_multi_label,
        configure_single_label,
        configure_adaptive_threshold,
        make_relation_scorer,
    ],
)
def test_every_option_is_named(function):
    given_by_spacy = {"nlp", "name", "nO"}
    options = set(inspect.signature(function).parameters) - given_by_spacy
    assert {option for option in options if f"`{option}`" not in README} == set()


def test_everything_registered_is_named():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf8")
    lines = "\n".join(setup["options.entry_points"].values()).splitlines()
    names = {line.split("=")[0].strip() for line in lines if line}
    assert "spacy-relext.RelationModel.v1" in names
    assert {name for name in names if name not in README} == set()


def test_every_config_is_named():
    paths = sorted((ROOT / "configs").glob("*.cfg"))
    assert {path.name for path in paths if f"configs/{path.name}" not in README} == set()
