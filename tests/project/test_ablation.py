import sys
from pathlib import Path

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

BENCHMARKS = Path(__file__).parents[2] / "project" / "benchmarks"


@pytest.fixture
def ablation(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import ablation

    yield ablation
    for name in ("ablation", "tasks", "semeval_score"):
        sys.modules.pop(name, None)


def test_settings(ablation, capsys):
    options = ["vars.learn_rate=1e-4", "context=null", "pooling=max", "distance=false"]
    assert ablation.read_settings(options) == {
        "vars.learn_rate": 1e-4,
        "components.relation_extractor.model.context": None,
        "components.relation_extractor.model.pooling": "max",
        "components.relation_extractor.model.distance": False,
    }
    with pytest.raises(SystemExit):
        ablation.read_settings(["pooling"])
    assert "name=value" in capsys.readouterr().out


def test_variant_changes_what_it_says(ablation):
    context = ablation.full_name("context")
    for variant in ablation.VARIANTS:
        base = {ablation.full_name(key): "other" for key in ablation.VARIANTS[variant]}
        changes = ablation.get_changes(variant, base)
        assert len(changes) == len(ablation.VARIANTS[variant])
    assert ablation.get_changes("context-none", {context: None}) == {}
    assert ablation.get_changes("context-none", {context: "max"}) == {context: None}


def test_setup_says_the_defaults_of_the_model(ablation):
    defaults = ablation.get_model_defaults()
    assert defaults[ablation.full_name("block_size")] == 4096
    # What a variant changes is an option of the model.
    for changes in ablation.VARIANTS.values():
        assert {ablation.full_name(name) for name in changes} <= set(defaults)
    for name in ("tok2vec", "nO"):
        assert ablation.full_name(name) not in defaults


def test_schedule_covers_training(ablation, tmp_path):
    import tasks

    path = tmp_path / "train.spacy"
    docs = [Doc(Vocab(), words=["word"] * 10) for _ in range(50)]
    DocBin(docs=docs).to_disk(path)
    settings = {"vars.batch_words": 100, "vars.max_epochs": 4}
    assert tasks.count_steps(path, 0, settings) == {
        "vars.total_steps": 20,
        "vars.warmup_steps": 2,
        "vars.eval_frequency": 5,
    }
    assert tasks.count_steps(path, 20, settings)["vars.total_steps"] == 8


def test_table(ablation):
    table = {"recipe": {"conll04": [0.7, 0.72]}, "depth-2": {"conll04": [0.6]}}
    lines = ablation.make_markdown(table, ["conll04"]).split("\n")
    assert lines[0] == "| variant | conll04 rels_f |"
    assert lines[2] == "| recipe | 71.0 ± 1.4 |"
    assert lines[3] == "| depth-2 | 60.0 |"
