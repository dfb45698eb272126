import dataclasses
import sys
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import load_config, load_model_from_config, registry
from spacy.vocab import Vocab
from thinc.api import Config

from spacy_relext import Relation, get_relations, set_relations

from .. import test_documents
from ..test_extractor import make_examples
from ..test_extractor import make_nlp as make_extractor

BENCHMARKS = Path(__file__).parents[2] / "project" / "benchmarks"
MODULES = (
    "cost",
    "document_methods",
    "evidence",
    "languages",
    "learning_curve",
    "methods",
    "multitask",
    "parts",
    "semeval_score",
    "settings",
    "studies",
    "tasks",
    "thresholds",
    "training",
)


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield __import__
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "train.spacy"
    docs = [Doc(Vocab(), words=[str(i)], user_data={"kept": i}) for i in range(40)]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_smaller_part_lies_in_larger(load, corpus, tmp_path):
    parts = load("parts")
    found = [
        read(parts.write_part(corpus, tmp_path, share, seed))
        for share, seed in [(0.01, 0), (0.1, 0), (0.5, 0), (1.0, 0), (0.5, 1)]
    ]
    assert [len(docs) for docs in found] == [1, 4, 20, 40, 20]
    texts = [{doc.text for doc in docs} for docs in found]
    assert texts[0] < texts[1] < texts[2] < texts[3]
    assert texts[4] != texts[2]
    assert all(doc.user_data == {"kept": int(doc.text)} for doc in found[1])


@pytest.mark.parametrize("share", [0, -0.5, 1.01])
def test_share_out_of_range(load, capsys, share):
    with pytest.raises(SystemExit):
        load("parts").check_share(share)
    assert str(share) in capsys.readouterr().out


def test_study_is_resumed(load, corpus, tmp_path, monkeypatch, capsys):
    curve = load("learning_curve")
    task = curve.TASKS["conll04"]
    folder = tmp_path / "corpora" / "conll04"
    folder.mkdir(parents=True)
    corpus.rename(folder / f"{task.train}.spacy")
    calls = []

    def run(task, output, *, train_path, seed, settings, **_):
        calls.append((output.parent.name, output.stem, len(read(train_path))))
        assert settings["training.dropout"] == 0.25
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"figure": len(calls) / 16}

    monkeypatch.setattr(curve, "run", run)
    output = tmp_path / "curve.json"
    options = dict(
        corpus=tmp_path / "corpora",
        output=output,
        names=["conll04"],
        methods=["frozen", "fine-tuned"],
        shares=[1.0, 0.1],
        seeds=[0, 1],
        options=["training.dropout=0.25"],
        gpu_id=-1,
    )
    with pytest.raises(KeyboardInterrupt):
        curve.main(**options)
    # What is done stands there, the small parts first.
    assert srsly.read_json(output)["conll04"]["frozen"] == {
        "0.1": {"mean": 1 / 16, "stdev": None, "by_seed": [1 / 16]}
    }
    curve.main(**options)
    assert calls[3:] == [
        ("frozen", "0.1-seed-0", 4),
        ("fine-tuned", "0.1-seed-0", 4),
        ("frozen", "0.1-seed-1", 4),
        ("fine-tuned", "0.1-seed-1", 4),
        ("frozen", "1-seed-0", 40),
        ("fine-tuned", "1-seed-0", 40),
    ]
    done = srsly.read_json(output)["conll04"]
    assert done["frozen"]["0.1"]["by_seed"] == [4 / 16, 6 / 16]
    assert done["fine-tuned"]["1"]["by_seed"] == [9 / 16]
    header, _, frozen, fine_tuned = capsys.readouterr().out.strip().split("\n")[-4:]
    assert header == "| conll04 rels_f | 10% | 100% |"
    assert frozen == "| MiniLM, frozen | 31.2 ± 8.8 | 50.0 |"


def test_methods_say_what_they_are(load):
    methods = load("methods")
    for study in [*load("studies").STUDIES.values(), methods.ENCODERS]:
        assert len({method.label for method in study.values()}) == len(study)
        for method in study.values():
            assert method.config is None or method.config.exists()
    task = {"training.max_epochs": 4}
    frozen = methods.get_settings(methods.ENCODERS["frozen"], task)
    assert frozen["training.max_epochs"] == 16
    assert frozen["training.batcher"] == methods.BATCHER
    documents = load("document_methods")
    for name, method in documents.FROZEN_DOCUMENTS.items():
        assert method.settings["training.frozen_components"] == ["transformer"]
        assert documents.DOCUMENTS[name].settings.items() <= method.settings.items()


def test_time_to_a_score(load):
    rows = [
        {"seconds": seconds, "score": score}
        for seconds, score in [(0.0, 0.1), (10.0, 0.5), (12.0, 0.7), (15.0, 0.6)]
    ]
    cost = load("cost")
    assert cost.summarise(rows, 0.6) == {
        "first_epoch": 10.0,
        "epoch": 2.5,
        "to_target": 12.0,
        "best": 0.7,
    }
    assert cost.summarise(rows, 0.8)["to_target"] is None


def test_stopwatch_leaves_scoring_out(load, tmp_path, monkeypatch):
    cost = load("cost")
    times = iter([0.0, 5.0, 6.0, 7.0, 7.0, 8.0, 8.0, 100.0, 100.0])
    monkeypatch.setattr(cost, "perf_counter", lambda: next(times))
    log, finish = cost.create_stopwatch(tmp_path / "log.json")(None, None, None)
    log({"step": 0, "score": 0.0})
    log(None)
    log(None)
    log({"step": 3, "score": 0.5})
    finish()
    rows = srsly.read_json(tmp_path / "log.json")
    # Four steps, of which the two without a score took a second each.
    assert rows == [{"seconds": 0.0, "score": 0.0}, {"seconds": 4.0, "score": 0.5}]


def add_ruler(nlp, docs):
    ruler = nlp.add_pipe("entity_ruler", name="ner", first=True)
    entities = {(ent.label_, ent.text) for doc in docs for ent in doc.ents}
    ruler.add_patterns([{"label": label, "pattern": text} for label, text in entities])


def test_second_pipeline_gets_the_entities_of_the_first(load, monkeypatch, tmp_path):
    multitask = load("multitask")
    references = [eg.reference for eg in make_examples(spacy.blank("en"))]
    DocBin(docs=references, store_user_data=True).to_disk(tmp_path / "test.spacy")

    def train(config_path, output, use_gpu):
        names = load_config(config_path, interpolate=False)["nlp"]["pipeline"]
        related = "relation_extractor" in names
        nlp = make_extractor(n_updates=60) if related else spacy.blank("en")
        if "ner" in names:
            add_ruler(nlp, references)
        output.mkdir(parents=True)
        nlp.to_disk(output / "model-best")

    monkeypatch.setattr(multitask, "train", train)
    encoder, output = tmp_path / "encoder", tmp_path / "multitask.json"
    multitask.main(tmp_path, output, encoder, tmp_path / "training", 1, [0, 1], -1)
    found = srsly.read_json(output)
    for way in ("joint", "separate"):
        assert found[way]["ents_f"]["by_seed"] == [1.0, 1.0]
        assert found[way]["rels_f"]["mean"] > 0.9
    blank = spacy.blank("en")
    scores = multitask.score_in_turn([blank, make_extractor(n_updates=60)], references)
    assert scores["rels_r"] == 0.0


def test_scores_without_the_pipeline_that_is_wanted_are_made_anew(
    load, monkeypatch, tmp_path
):
    tasks, training = load("tasks"), load("training")
    references = [eg.reference for eg in make_examples(spacy.blank("en"))]
    path = tmp_path / "train.spacy"
    DocBin(docs=references, store_user_data=True).to_disk(path)
    trained = []

    def train(config_path, output, use_gpu):
        trained.append(output)
        output.mkdir(parents=True, exist_ok=True)
        make_extractor(n_updates=1).to_disk(output / "model-last")

    def run(folder):
        return training.run(
            tasks.Task("rels_f", tasks.score_relations_of),
            tmp_path / "scores.json",
            **dict.fromkeys(("train_path", "watch_path", "test_path"), path),
            seed=0,
            settings={},
            folder=folder,
        )

    monkeypatch.setattr(training, "train", train)
    for _ in range(2):
        run(None)
    assert len(trained) == 1
    for _ in range(2):
        run(tmp_path / "kept")
    assert len(trained) == 2


def test_interrupted_training_is_not_taken_for_a_complete_one(load, monkeypatch, tmp_path):
    multitask = load("multitask")
    calls = []

    def train(config_path, output, use_gpu):
        calls.append(output)
        (output / "model-best").mkdir(parents=True, exist_ok=True)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(multitask, "train", train)
    names = ["ner", "relation_extractor"]
    with pytest.raises(KeyboardInterrupt):
        multitask.train_once(tmp_path / "joint", {}, names, -1)
    for _ in range(2):
        best = multitask.train_once(tmp_path / "joint", {}, names, -1)
        assert best == tmp_path / "joint" / "model-best" and best.exists()
    assert len(calls) == 2


@pytest.mark.parametrize(
    "names, reader, annotating",
    [
        (["ner", "relation_extractor"], "spacy.Corpus.v1", ["transformer", "ner"]),
        (["ner"], "spacy.Corpus.v1", []),
        (["relation_extractor"], "spacy-relext.EntityCorpus.v1", []),
    ],
)
def test_separate_pipelines_differ_in_their_components_alone(
    load, monkeypatch, tmp_path, names, reader, annotating
):
    multitask = load("multitask")
    found = {}

    def train(config_path, output, use_gpu):
        found.update(load_config(config_path, interpolate=False))
        output.mkdir()

    monkeypatch.setattr(multitask, "train", train)
    multitask.train_once(tmp_path / "one", {"paths.train": "here"}, names, -1)
    assert found["nlp"]["pipeline"] == list(found["components"]) == ["transformer", *names]
    assert {corpus["@readers"] for corpus in found["corpora"].values()} == {reader}
    assert found["corpora"]["dev"]["path"] == "${paths.dev}"
    training = dict(found["training"])
    assert training.pop("annotating_components") == annotating
    joint = load_config(multitask.CONFIGS / "joint_ner.cfg", interpolate=False)["training"]
    for name in ("optimizer", "batcher", "dropout"):
        assert training[name] == joint[name]
    assert sum(value or 0 for value in training["score_weights"].values()) == 1.0
    # It fits together.
    pipeline = load_model_from_config(Config(found), auto_fill=True)
    assert pipeline.pipe_names == ["transformer", *names]


def test_baselines_that_do_not_read(load):
    languages = load("languages")
    person_place, place_person = ("PERSON", "PLACE"), ("PLACE", "PERSON")
    # Born in two of three pairs of these types; the other way round never.
    pairs = [(person_place, {"BORN_IN"})] * 2 + [(person_place, set())]
    pairs += [(place_person, set())] * 9 + [(("PERSON", "ORG"), {"WORKS_FOR"})]
    one = languages.choose_one_label(pairs)
    assert one(place_person) == "BORN_IN"
    assert languages.score(one, pairs) == 2 * 2 / (13 + 3)
    by_types = languages.choose_by_types(pairs)
    assert by_types(person_place) == "BORN_IN"
    assert by_types(("PERSON", "ORG")) == "WORKS_FOR"
    assert by_types(place_person) == by_types(("ORG", "ORG")) == ""
    assert languages.score(by_types, pairs) == 2 * 3 / (4 + 3)


def test_pairs_of_a_corpus(load, tmp_path):
    languages = load("languages")
    doc = Doc(Vocab(), words=["Ada", "met", "Bo"])
    people = [Span(doc, i, i + 1, label="PERSON") for i in (0, 2)]
    doc.spans["entities"] = people
    set_relations(doc, [Relation(people[1], people[0], "MET")])
    path = tmp_path / "docs.spacy"
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    types = ("PERSON", "PERSON")
    assert list(languages.iter_pairs(path)) == [(types, set()), (types, {"MET"})]
    assert list(languages.iter_pairs(path, ["MET"])) == [(types, {"MET"}), (types, set())]


def test_evidence_is_held_against_the_annotated_sentences(load, tmp_path):
    nlp = test_documents.train()
    nlp.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in test_documents.make_examples(nlp)]
    # The closest mentions of the one stand in the second sentence, of the other in the
    # first. A relation without evidence does not count, nor one that is not found.
    for doc, evidence in ((docs[0], slice(0, 2)), (docs[2], slice(1, 2))):
        (relation,) = get_relations(doc)
        sents = tuple(doc.sents)[evidence]
        told = dataclasses.replace(relation, evidence=sents)
        set_relations(doc, [told, dataclasses.replace(told, label="UNKNOWN")])
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "docs.spacy")
    load("evidence").main(
        tmp_path / "model", tmp_path / "docs.spacy", tmp_path / "out.json", [0.0, 1.0]
    )
    found = srsly.read_json(tmp_path / "out.json")
    assert found["relations"] == 2
    # One of the two sentences that are named is annotated, of three that are.
    closest = found["closest mentions"]
    assert (closest["p"], round(closest["r"], 3), closest["f"]) == (0.5, 0.333, 0.4)
    # All four sentences are named, and none.
    assert (found["0.0"]["p"], found["0.0"]["r"]) == (0.75, 1.0)
    assert found["1.0"] == {"p": 0.0, "r": 0.0, "f": 0.0}


@pytest.mark.parametrize("grouping", [test_documents.BY_ID, None])
def test_relations_of_mentions_are_scored_as_those_of_entities(load, tmp_path, grouping):
    """Where all pairs have all labels, mentions and entities score alike."""
    nlp = test_documents.train(n_updates=0, grouping=grouping)
    pipe = nlp.get_pipe("relation_extractor")
    pipe.objective.decide = lambda scores: scores < 2
    docs = [eg.reference for eg in test_documents.make_examples(nlp)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    by_id = registry.resolve({"grouping": test_documents.BY_ID})["grouping"]
    scores = load("tasks").score_documents(by_id, nlp, tmp_path / "train.spacy")
    # Three entities in each of three docs, two labels, four relations.
    assert scores["rels_p"] == pytest.approx(4 / (3 * 6 * 2))
    assert (scores["rels_r"], scores["rels_ign_f"]) == (1, 0)


def test_the_best_threshold_is_told_and_nothing_lost(load):
    reference = test_documents.make_examples(test_documents.make_nlp())[1].reference
    doc = reference.copy()
    first, second = get_relations(doc)
    wrong = dataclasses.replace(second, label="WRONG")
    found = zip((first, wrong, second), (0.9, 0.52, 0.32))
    set_relations(doc, [dataclasses.replace(rel, score=score) for rel, score in found])
    thresholds, examples = load("thresholds"), [Example(doc, reference)]
    by_id = registry.resolve({"grouping": test_documents.BY_ID})["grouping"]
    scores = thresholds.score_thresholds(examples, by_id)
    f_at = {name: round(f, 2) for name, f in scores["f"].items()}
    assert (f_at["0.05"], f_at["0.35"], f_at["0.55"], f_at["0.95"]) == (0.8, 0.5, 0.67, 0)
    assert scores["best_threshold"] == 0.05
    assert scores["best_f"] == scores["f"]["0.05"]
    assert len(get_relations(doc)) == 3
    thresholds.keep_above(0.5, examples)
    assert [rel.label for rel in get_relations(doc)] == [first.label, "WRONG"]
