"""Several callbacks where spaCy takes one."""

import pytest
import spacy
from spacy.cli.debug_config import debug_config
from spacy.cli.init_config import fill_config
from spacy.util import load_config, registry

from spacy_relext.transfer.chaining import create_callback_chain

CONFIG = """
[paths]
train = "train.spacy"
dev = "dev.spacy"

[nlp]
lang = "en"
pipeline = []

[training]

[training.before_update]
@callbacks = "spacy-relext.chain_callbacks.v1"

[training.before_update.*.only]
@callbacks = "test_chaining.note.v1"
text = "update"

[initialize]

[initialize.after_init]
@callbacks = "spacy-relext.chain_callbacks.v1"

[initialize.after_init.*.z]
@callbacks = "test_chaining.note.v1"
text = "first"

[initialize.after_init.*.a]
@callbacks = "test_chaining.note.v1"
text = ${paths.dev}

[initialize.after_init.*.m]
@callbacks = "test_chaining.note.v1"
text = "last"
"""

NOTES = []


@registry.callbacks("test_chaining.note.v1")
def create_note(text: str):
    def note(nlp, *info):
        NOTES.append((text, *info))
        return None if info else nlp

    return note


@pytest.fixture
def notes():
    NOTES.clear()
    return NOTES


@pytest.fixture
def config(tmp_path):
    """As `init fill-config` writes it."""
    (tmp_path / "base.cfg").write_text(CONFIG, encoding="utf8")
    fill_config(tmp_path / "config.cfg", tmp_path / "base.cfg")
    debug_config(tmp_path / "config.cfg")
    return load_config(tmp_path / "config.cfg")


def test_callbacks_of_a_config_run_in_its_order(config, notes, tmp_path):
    nlp = spacy.util.load_model_from_config(config, auto_fill=True)
    nlp.to_disk(tmp_path / "nlp")
    for pipeline in (nlp, spacy.load(tmp_path / "nlp")):
        notes.clear()
        pipeline.initialize()
        assert notes == [("first",), ("dev.spacy",), ("last",)]


def test_step_of_a_training_is_handed_on(config, notes):
    training = registry.resolve({"x": config.interpolate()["training"]["before_update"]})
    training["x"](spacy.blank("en"), {"step": 3, "epoch": 0})
    assert notes == [("update", {"step": 3, "epoch": 0})]


def test_each_gets_what_the_one_before_it_returns():
    first, second = spacy.blank("en"), spacy.blank("de")
    seen = []

    def replace(nlp):
        seen.append(nlp)
        return second

    def look(nlp):
        seen.append(nlp)

    chain = create_callback_chain(look, replace, look)
    assert chain(first) is second
    assert seen == [first, first, second]
    assert create_callback_chain()(first) is first
