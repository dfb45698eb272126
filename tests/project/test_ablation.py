import sys
from pathlib import Path

import pytest
import srsly
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "project" / "benchmarks"
CONFIG = ROOT / "project" / "configs" / "benchmark.cfg"
DOCUMENT_CONFIG = ROOT / "configs" / "document.cfg"

MODULES = (
    "ablation",
    "document_methods",
    "methods",
    "parts",
    "semeval_score",
    "settings",
    "studies",
    "tasks",
    "training",
)


@pytest.fixture
def ablation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import ablation

    yield ablation
    for name in MODULES:
        sys.modules.pop(name, None)


def test_settings(ablation, capsys):
    options = ["training.dropout=1e-4", "context=null", "pooling=max", "distance=false"]
    assert ablation.read_settings(options) == {
        "training.dropout": 1e-4,
        "components.relation_extractor.model.context": None,
        "components.relation_extractor.model.pooling": "max",
        "components.relation_extractor.model.distance": False,
    }
    with pytest.raises(SystemExit):
        ablation.read_settings(["pooling"])
    assert "name=value" in capsys.readouterr().out


def test_variants_are_not_all_the_recipe(ablation):
    for methods in ablation.STUDIES.values():
        base = {"training.max_epochs": 4}
        same = [
            name
            for name, method in methods.items()
            if not ablation.differs(ablation.get_settings(method, base), base, CONFIG)
        ]
        # The first is the recipe, and of each option of the model one value is.
        assert same[:1] in ([], [next(iter(methods))])
        assert len(same) <= len(methods) / 2


def test_variant_of_the_recipe_s_value_is_the_recipe(ablation):
    none = ablation.STUDIES["parts"]["context-none"]
    context = {"components.relation_extractor.model.context": None}
    assert ablation.differs(ablation.get_settings(none, {}), {}, CONFIG)
    assert not ablation.differs(ablation.get_settings(none, context), context, CONFIG)
    # What is the model's default is not the recipe where the config says otherwise.
    for name, is_other in (("hidden_width-128", True), ("hidden_width-256", False)):
        settings = ablation.STUDIES["parts"][name].settings
        assert ablation.differs(settings, {}, DOCUMENT_CONFIG) == is_other


def test_setup_says_the_defaults_of_the_model(ablation):
    from settings import full_name, get_model_defaults

    defaults = get_model_defaults()
    assert defaults[full_name("block_size")] == 4096
    # What a variant changes is an option of the model.
    for method in ablation.STUDIES["parts"].values():
        assert set(method.settings) <= set(defaults)
    for name in ("tok2vec", "nO"):
        assert full_name(name) not in defaults


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "train.spacy"
    docs = [Doc(Vocab(), words=["word"] * 10) for _ in range(50)]
    DocBin(docs=docs).to_disk(path)
    return {"paths.train": str(path), "training.batcher.size": 100}


def test_schedule_covers_training(ablation, corpus):
    from settings import CONFIG, make_config

    settings = {**corpus, "training.max_epochs": 4}
    training = make_config(CONFIG, settings)["training"]
    assert (training["max_epochs"], training["eval_frequency"]) == (4, 5)
    rate = training["optimizer"]["learn_rate"]
    assert (rate["total_steps"], rate["warmup_steps"]) == (20, 2)
    settings["corpora.train.limit"] = 20
    training = make_config(CONFIG, settings)["training"]
    assert training["optimizer"]["learn_rate"]["total_steps"] == 8
    training = make_config(CONFIG, settings, min_steps=15)["training"]
    assert training["max_epochs"] == 8
    assert training["optimizer"]["learn_rate"]["total_steps"] == 16


def test_config_takes_sections_and_refuses_unknown_ones(ablation, corpus, capsys):
    from settings import CONFIG, make_config

    optimizer = {"@optimizers": "Adam.v1", "learn_rate": {"num_steps": 1}}
    config = make_config(CONFIG, {**corpus, "training.optimizer": optimizer})
    assert config["training"]["optimizer"] == {
        "@optimizers": "Adam.v1",
        "learn_rate": {"num_steps": 25},
    }
    with pytest.raises(SystemExit):
        make_config(CONFIG, {**corpus, "trainnig.max_epochs": 4})
    assert "trainnig.max_epochs" in capsys.readouterr().out


@pytest.mark.parametrize("value", [0.3, 2e-4, 1 / 3, 5, "max", None, ["max", "attention"]])
def test_what_was_measured_is_known_again(ablation, tmp_path, value):
    from settings import read_result

    path, setup = tmp_path / "seed-0.json", {"settings": {"training.dropout": value}}
    assert read_result(path, setup) is None
    srsly.write_json(path, {"figure": 0.5, "setup": setup})
    assert read_result(path, setup)["figure"] == 0.5
    assert read_result(path, {"settings": {"training.dropout": 0.25}}) is None


def test_table(ablation):
    table = {"recipe": {"conll04": [0.7, 0.72]}, "depth-2": {"conll04": [0.6]}}
    methods = ablation.STUDIES["parts"]
    lines = ablation.make_markdown(table, methods, ["conll04"]).split("\n")
    assert lines[0] == "| variant | conll04 rels_f |"
    assert lines[2] == "| recipe | 71.0 ± 1.4 |"
    assert lines[3] == "| depth 2 | 60.0 |"
