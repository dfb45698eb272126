"""spaCy's own commands on a pipeline with a relation extractor."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import DocBin

from ..test_extractor import make_examples, make_nlp, triples

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "tok2vec_cpu.cfg"


def run(*args, code=0, **kwargs):
    """Run `python -m spacy` where no import of ours has been done."""
    result = subprocess.run(
        [sys.executable, "-m", "spacy", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **kwargs,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "train.spacy"
    examples = make_examples(spacy.blank("en"))
    docs = [eg.reference for eg in examples]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture(scope="module")
def paths(corpus):
    return ["--paths.train", corpus, "--paths.dev", corpus]


@pytest.fixture(scope="module")
def model(paths, tmp_path_factory):
    output = tmp_path_factory.mktemp("training")
    printed = run(
        "train", CONFIG, "--output", output, *paths,
        "--training.max_steps", 100, "--training.eval_frequency", 50,
        "--training.optimizer.learn_rate", 0.005,
    )  # fmt: skip
    assert "RELS_F" in printed
    return output / "model-best"


def save_with_entities(nlp, path):
    """Save a pipeline that finds the entities of the examples."""
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ents = {(e.text, e.label_) for eg in make_examples(nlp) for e in eg.reference.ents}
    ruler.add_patterns([{"pattern": text, "label": label} for text, label in sorted(ents)])
    nlp.to_disk(path)


def test_score_of_two_extractors(paths, tmp_path):
    """What the README says of them makes up the score that the best model is chosen by."""
    blocks = (ROOT / "README.md").read_text(encoding="utf8").split("```")[1::2]
    (snippet,) = (block for block in blocks if "[components.of_people.scorer]" in block)
    config = spacy.util.load_config(CONFIG, interpolate=False)
    extractor = config["components"].pop("relation_extractor")
    config["components"].update(of_people=extractor, of_firms=extractor)
    config["nlp"]["pipeline"] = ["tok2vec", "of_people", "of_firms"]
    del config["training"]["score_weights"]
    (tmp_path / "two.cfg").write_text(f"{config.to_str(interpolate=False)}\n{snippet}")
    printed = run(
        "train", tmp_path / "two.cfg", *paths, "--training.optimizer.learn_rate", 0.005,
        "--training.max_steps", 60, "--training.eval_frequency", 30,
    )  # fmt: skip
    assert "OF_PEOPLE_F" in printed and "OF_FIRMS_F" in printed
    rows = [line.split() for line in printed.splitlines()]
    scores = [float(row[-1]) for row in rows if row and row[0].isdigit()]
    assert scores[-1] > 0 and scores[-1] == max(scores)


def test_trained_pipeline_reads_relations(model):
    nlp = spacy.load(model)
    for eg in make_examples(nlp):
        assert triples(nlp(eg.predicted)) == triples(eg.reference)
    assert nlp.meta["performance"]["rels_f"] == 1


def test_evaluate(model, corpus, tmp_path):
    # spaCy's own reader hands no entities over, which is why `relext evaluate` exists.
    run("evaluate", model, corpus, "--output", tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rels_r"] == metrics["rels_candidate_recall"] == 0


def test_debug_config(paths):
    printed = run("debug", "config", CONFIG, *paths, "--show-functions")
    assert "spacy_relext.corpus" in printed and "Config is valid" in printed


def test_init_fill_config(tmp_path):
    partial = tmp_path / "partial.cfg"
    partial.write_text(
        '[nlp]\nlang = "en"\npipeline = ["relation_extractor"]\n'
        '[components]\n[components.relation_extractor]\nfactory = "relation_extractor"\n'
    )
    run("init", "fill-config", partial, tmp_path / "full.cfg")
    config = spacy.util.load_config(tmp_path / "full.cfg")
    filled = config["components"]["relation_extractor"]
    assert filled["objective"]["threshold"] == 0.5
    assert filled["model"]["pooling"] and filled["scorer"]["key"] == "rels"
    assert config["training"]["score_weights"]["rels_f"] == 1.0


def test_init_labels(paths, tmp_path):
    run("init", "labels", CONFIG, tmp_path, *paths)
    labels = tmp_path / "relation_extractor.json"
    assert json.loads(labels.read_text()) == ["BASED_IN", "FOUNDED", "SPOUSE"]
    config = spacy.util.load_config(CONFIG)
    reader = {"@readers": "spacy.read_labels.v1", "path": str(labels)}
    config["initialize"]["components"]["relation_extractor"] = {"labels": reader}
    config.to_disk(tmp_path / "labels.cfg")
    printed = run("train", tmp_path / "labels.cfg", *paths, "--training.max_steps", 1)
    assert "RELS_F" in printed


def test_find_threshold(model, corpus):
    printed = run(
        "find-threshold", model, corpus, "relation_extractor", "objective.threshold",
        "rels_f", "--n_trials", 3,
    )  # fmt: skip
    assert "Threshold" in printed and "0.5" in printed


def test_find_threshold_tries_what_it_says(model, corpus):
    """With entities in the pipeline the thresholds make a difference."""
    path = model.parent / "with-entities"
    save_with_entities(spacy.load(model), path)
    best, score, scores = find_threshold(
        path, corpus, "relation_extractor", "objective.threshold", "rels_f", n_trials=3
    )
    assert scores[0.5] == score == 1 and best == 0.5
    assert 0 < scores[0.0] < 0.5


def test_find_threshold_where_none_is_set(corpus, tmp_path):
    """Below what beats no-relation there is more to find, the best label of each pair."""
    nlp = make_nlp(objective={"@misc": "spacy-relext.single_label.v1"}, n_updates=0)
    save_with_entities(nlp, tmp_path)
    _, _, recalls = find_threshold(
        tmp_path, corpus, "relation_extractor", "objective.threshold", "rels_r", n_trials=3
    )
    assert recalls[0.0] > recalls[1.0] == 0


def test_assemble(model, tmp_path):
    config = spacy.util.load_config(model / "config.cfg")
    for name in ("tok2vec", "relation_extractor"):
        if name in config["components"]:
            config["components"][name] = {"source": str(model)}
    config.to_disk(tmp_path / "assemble.cfg")
    run("assemble", tmp_path / "assemble.cfg", tmp_path / "assembled")
    nlp = spacy.load(tmp_path / "assembled")
    eg = make_examples(nlp)[0]
    assert triples(nlp(eg.predicted)) == triples(eg.reference)


@pytest.mark.parametrize("labels", [None, ["FOUNDED"]])
def test_assemble_what_is_not_trained(labels, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("relation_extractor")
    config = nlp.config.copy()
    if labels is None:
        with pytest.raises(ValueError, match="assemble.* labels in .initialize.components."):
            nlp.initialize()
        return
    config["initialize"]["components"]["relation_extractor"] = {"labels": labels}
    config.to_disk(tmp_path / "assemble.cfg")
    run("assemble", tmp_path / "assemble.cfg", tmp_path / "assembled")
    nlp = spacy.load(tmp_path / "assembled")
    assert nlp.get_pipe("relation_extractor").labels == tuple(labels)


def test_package_installs_and_loads(model, tmp_path):
    run("package", model, tmp_path, "--name", "relext_demo", "--build", "none")
    (package,) = tmp_path.glob("en_relext_demo-*")
    meta = json.loads((package / "meta.json").read_text())
    assert any("spacy-relext" in requirement for requirement in meta["requirements"])
    pip = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "pip", *pip, "--target", site, package], check=True)
    docs = [eg.predicted for eg in make_examples(spacy.blank("en"))]
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    code = (
        "import spacy, sys; from spacy.tokens import DocBin; "
        "nlp = spacy.load('en_relext_demo'); "
        "docs = DocBin().from_disk(sys.argv[1]).get_docs(nlp.vocab); "
        "sys.stdout.write(str([len(doc._.relations) for doc in nlp.pipe(docs)]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "docs.spacy"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout == "[2, 1, 0, 1, 0, 0]", result.stderr


def test_apply(model, tmp_path):
    """On docs with entities, and in two processes."""
    examples = make_examples(spacy.blank("en"))
    DocBin(docs=[eg.predicted for eg in examples]).to_disk(tmp_path / "docs.spacy")
    run("apply", model, tmp_path / "docs.spacy", tmp_path / "applied.spacy", "--n-process", 2)
    applied = DocBin().from_disk(tmp_path / "applied.spacy")
    docs = list(applied.get_docs(spacy.blank("en").vocab))
    assert [triples(doc) for doc in docs] == [triples(eg.reference) for eg in examples]


def test_benchmark_speed(model, corpus):
    assert "words/s" in run("benchmark", "speed", model, corpus, "--batches", 30, "--warmup", 1)
