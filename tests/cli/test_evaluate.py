import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import DocBin, Span
from spacy.util import registry
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401
from spacy_relext import Relation
from spacy_relext.cli.files import load_examples
from spacy_relext.corpus import create_entity_corpus as EntityCorpus
from spacy_relext.curve import get_curve, rank_candidates
from spacy_relext.scorer import score_relations

from ..test_extractor import make_examples, make_nlp


def run(*args):
    return CliRunner().invoke(app, ["relext", "evaluate", *map(str, args)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    make_nlp(n_updates=60).to_disk(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dev.spacy"
    docs = [eg.reference for eg in make_examples(spacy.blank("en"))]
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def test_gold_entities(model, data, tmp_path):
    output = tmp_path / "new" / "metrics.json"
    result = run(model, data, "--gold-entities", "--output", output)
    assert result.exit_code == 0, result.output
    metrics = json.loads(output.read_text())
    assert metrics["rels_f"] == metrics["rels_candidate_recall"] == 1
    assert metrics["entities"] == "gold"
    assert metrics["rels_per_type"]["FOUNDED"]["support"] == 2
    assert "those of the data" in result.output
    for label in ("BASED_IN", "FOUNDED", "SPOUSE"):
        assert label in result.output


def test_within_sentences_and_across(model, data, tmp_path):
    """Nothing is told of it without sentences, and no figure where there are none."""
    assert "sentences:" not in run(model, data, "-G").output
    docs = list(DocBin().from_disk(data).get_docs(spacy.blank("en").vocab))
    for doc in docs:
        for token in doc:
            token.is_sent_start = token.i == 0
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    output = run(model, tmp_path / "dev.spacy", "-G").output
    assert "F within sentences: 100.00" in output and "F across sentences: -" in output


def test_facts_of_the_training_data(model, data, tmp_path):
    output = tmp_path / "metrics.json"
    result = run(model, data, "-G", "--train", data, "--output", output)
    assert result.exit_code == 0, result.output
    # All is known from there, and nothing else is found.
    assert json.loads(output.read_text())["rels_ign_f"] == 0
    assert "(Ign): 0.00" in result.output
    assert "(Ign)" not in run(model, data, "-G").output


def test_facts_of_data_without_relations_are_an_error(model, data, tmp_path):
    docs = [eg.reference for eg in make_examples(spacy.blank("en"))]
    path = tmp_path / "train.spacy"
    DocBin(docs=docs, store_user_data=False).to_disk(path)
    result = run(model, data, "-G", "--train", path)
    assert result.exit_code == 1
    assert "No relations annotated" in result.output and "train.spacy" in result.output


def test_curve_looks_behind_what_throws_vectors_away(model, data, tmp_path):
    nlp = spacy.load(model)
    nlp.add_pipe("doc_cleaner", config={"attrs": {"tensor": None}})
    nlp.to_disk(tmp_path / "model")
    output = tmp_path / "metrics.json"
    result = run(tmp_path / "model", data, "-G", "--curve", "--output", output)
    assert result.exit_code == 0, result.output
    assert "Area under the precision-recall curve: 100.00" in result.output
    metrics = json.loads(output.read_text())
    assert metrics["rels_pr_auc"] == pytest.approx(1)
    assert "Its best point: F 100.00, P 100.00, R 100.00, at a threshold of" in result.output
    assert 0 < metrics["rels_pr_best"]["threshold"] < 1
    assert metrics["rels_pr_curve"][-1]["r"] == 1
    assert metrics["rels_f"] == 1


@registry.scorers("test_founded_scorer.v1")
def make_founded_scorer():
    def score(examples, **kwargs):
        return score_relations(examples, **{**kwargs, "labels": ["FOUNDED"]})

    return score


@pytest.mark.parametrize("labels", [None, ["FOUNDED"], ["FOUNDED", "SPOUSE"], "own"])
def test_curve_has_labels_that_nothing_was_found_of(labels, tmp_path):
    """What is found at lower thresholds is wrong at these; so for a scorer of one's own."""
    scorer = {"@scorers": "spacy-relext.relation_scorer.v1", "labels": labels}
    if labels == "own":
        scorer, labels = {"@scorers": "test_founded_scorer.v1"}, ["FOUNDED"]
    nlp = make_nlp(scorer=scorer)
    nlp.get_pipe("relation_extractor").objective.threshold = 1.0
    nlp.config["components"]["relation_extractor"]["objective"]["threshold"] = 1.0
    nlp.to_disk(tmp_path / "model")
    docs = [eg.reference for eg in make_examples(nlp)]
    for doc in docs:
        doc._.relations = [rel for rel in doc._.relations if rel.label == "FOUNDED"]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    output = tmp_path / "metrics.json"
    run(tmp_path / "model", tmp_path / "dev.spacy", "-G", "--curve", "-o", output)
    metrics = json.loads(output.read_text())
    examples = load_examples(tmp_path / "dev.spacy", EntityCorpus(tmp_path / "dev.spacy"), nlp)
    n_true = sum(len(eg.reference._.relations) for eg in examples)
    ranked = rank_candidates(nlp.get_pipe("relation_extractor"), examples, labels)
    assert metrics["rels_f"] == 0
    assert metrics["rels_pr_auc"] == pytest.approx(get_curve(*ranked, n_true).area)


def test_without_entities_it_says_so(model, data):
    result = run(model, data)
    assert result.exit_code == 0
    assert "Entities: none" in result.output


def test_entities_that_the_pipeline_finds(model, data, tmp_path):
    nlp = spacy.load(model)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"pattern": "Ada", "label": "PER"}, {"pattern": "Kestrel", "label": "ORG"}])
    nlp.to_disk(tmp_path / "model")
    result = run(tmp_path / "model", data, "--output", tmp_path / "metrics.json")
    assert "that the pipeline finds (entity_ruler)" in result.output
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rels_r"] == metrics["rels_candidate_recall"] == 0.5
    assert metrics["entities"] == "predicted"
    result = run(tmp_path / "model", data, "-G", "--output", tmp_path / "metrics.json")
    assert "without: entity_ruler" in result.output
    assert json.loads((tmp_path / "metrics.json").read_text())["rels_f"] == 1


@pytest.mark.parametrize("finder", ["span_ruler", "test_set_ada"])
def test_entities_that_no_component_declares(finder, model, data, tmp_path):
    """Neither a span_ruler does that sets entities, nor one that declares nothing."""
    Language.component("test_set_ada", func=set_ada)
    nlp = spacy.load(model)
    options = {"annotate_ents": True} if finder == "span_ruler" else {}
    added = nlp.add_pipe(finder, first=True, config=options)
    if options:
        added.add_patterns([{"pattern": "Ada", "label": "PER"}])
    nlp.to_disk(tmp_path)
    result = run(tmp_path, data)
    assert "Entities: those that the pipeline finds" in result.output
    assert "Entities: none" not in result.output
    assert ("finds (span_ruler)" in result.output) == bool(options)
    # What declares nothing may do other things, and is not left out.
    gold = run(tmp_path, data, "-G").output
    assert ("of the data, without: span_ruler" if options else "of the data") in gold
    assert "test_set_ada" not in gold


def set_ada(doc):
    doc.ents = [Span(doc, i, i + 1, "PER") for i in range(len(doc)) if doc[i].text == "Ada"]
    return doc


def test_entities_that_come_too_late(model, data, tmp_path):
    nlp = spacy.load(model)
    nlp.add_pipe("entity_ruler").add_patterns([{"pattern": "Ada", "label": "PER"}])
    nlp.to_disk(tmp_path)
    result = run(tmp_path, data)
    assert "that the pipeline finds" not in result.output
    assert "Entities: none for relation_extractor" in result.output
    assert "entity_ruler comes too late" in result.output


@pytest.mark.filterwarnings("ignore:.*come without entities")
def test_gold_entities_that_are_in_another_group(data, tmp_path):
    nlp = make_nlp(spans_key="sc")
    nlp.to_disk(tmp_path / "model")
    docs = list(DocBin().from_disk(data).get_docs(nlp.vocab))
    for doc in docs:
        doc.spans["ents"] = list(doc.ents)
        doc.spans["coref_clusters_1"] = list(doc.ents)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    result = run(tmp_path / "model", tmp_path / "dev.spacy", "-G")
    assert "those of the data" not in result.output
    assert "Entities: none for relation_extractor" in result.output
    assert 'looks in doc.spans["sc"]' in result.output
    assert 'They have: doc.ents, doc.spans["ents"].' in result.output


def annotate_mentions(path, kb_ids, relations):
    """Write a doc with mentions of entities, each told by its last word."""
    nlp = spacy.blank("en")
    doc = nlp("Ada ran Kestrel. Lovelace slept.")
    doc.ents = [
        Span(doc, i, i + 1, "X", kb_id=kb_ids[doc[i].text])
        for i in range(len(doc))
        if doc[i].text in kb_ids
    ]
    doc._.relations = [Relation(doc.ents[h], doc.ents[t], "RAN") for h, t in relations]
    DocBin(docs=[doc], store_user_data=True).to_disk(path)


def test_facts_of_all_names(tmp_path):
    """What is annotated of one mention is known of the entity by its other names."""
    kb_ids = {"Ada": "1", "Lovelace": "1", "Kestrel": "2"}
    annotate_mentions(tmp_path / "train.spacy", kb_ids, [(0, 1)])
    annotate_mentions(tmp_path / "dev.spacy", {"Lovelace": "1", "Kestrel": "2"}, [(1, 0)])
    examples = list(EntityCorpus(tmp_path / "dev.spacy")(spacy.blank("en")))
    nlp = make_nlp(
        examples, n_updates=30, grouping={"@misc": "spacy-relext.group_by_kb_id.v1"}
    )
    nlp.to_disk(tmp_path / "model")
    options = ("-G", "--train", tmp_path / "train.spacy", "-o", tmp_path / "metrics.json")
    run(tmp_path / "model", tmp_path / "dev.spacy", *options)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rels_f"] == 1 and metrics["rels_ign_f"] == 0


@pytest.fixture
def clustered(tmp_path):
    """A pipeline that groups by clusters of a prefix of its own, and the data for it."""
    doc = spacy.blank("en")("Ada slept. Then she ran Kestrel.")
    doc.ents = [Span(doc, 0, 1, "X"), Span(doc, 6, 7, "X")]
    doc.spans["who_1"] = [doc[0:1], doc[4:5]]
    doc._.relations = [Relation(doc.ents[0], doc.ents[1], "RAN")]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    reader = EntityCorpus(tmp_path / "dev.spacy", clusters_prefix="who")
    nlp = make_nlp(
        list(reader(spacy.blank("en"))),
        grouping={"@misc": "spacy-relext.group_by_cluster.v1", "prefix": "who"},
        pairs={"@misc": "spacy-relext.token_window.v1", "max_tokens": 1},
    )
    return nlp, tmp_path / "dev.spacy"


def test_gold_clusters_of_another_prefix(clustered, tmp_path):
    """The grouping tells which groups of spans are the clusters."""
    nlp, data = clustered
    nlp.to_disk(tmp_path / "model")
    result = run(tmp_path / "model", data, "-G", "-o", tmp_path / "metrics.json")
    assert json.loads((tmp_path / "metrics.json").read_text())["rels_candidate_recall"] == 1
    assert "Clusters: none" not in result.output


@Language.component("find_who")
def find_who(doc):
    doc.spans["who_1"] = [doc[0:1], doc[4:5]]
    return doc


@pytest.mark.parametrize("place, told", [(None, True), ("last", True), ("first", False)])
def test_without_clusters_it_says_so(place, told, clustered, tmp_path):
    nlp, data = clustered
    if place is not None:
        nlp.add_pipe("find_who", **{place: True})
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"pattern": text, "label": "X"} for text in ("Ada", "Kestrel")])
    nlp.to_disk(tmp_path / "model")
    output = " ".join(run(tmp_path / "model", data).output.split())
    assert ("Clusters: none for relation_extractor" in output) == told
    assert ("groups of doc.spans that begin with 'who'" in output) == told


def test_data_without_clusters_miss_none(clustered, tmp_path):
    nlp, path = clustered
    nlp.to_disk(tmp_path / "model")
    [doc] = DocBin().from_disk(path).get_docs(nlp.vocab)
    doc.spans["who_1"] = []
    DocBin(docs=[doc], store_user_data=True).to_disk(path)
    result = run(tmp_path / "model", path)
    assert result.exit_code == 0 and "Clusters" not in result.output


def test_data_without_relations(model, tmp_path):
    docs = [eg.reference for eg in make_examples(spacy.blank("en"))]
    DocBin(docs=docs).to_disk(tmp_path / "bare.spacy")
    result = run(model, tmp_path / "bare.spacy")
    assert result.exit_code == 1
    assert "store_user_data=True" in result.output


def test_pipeline_without_extractor(data, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path)
    result = run(tmp_path, data)
    assert result.exit_code == 1
    assert "No relation_extractor" in result.output and "sentencizer" in result.output


def test_curve_without_a_threshold_is_told_before_the_scores(model, data, monkeypatch):
    nlp = spacy.load(model)
    del nlp.get_pipe("relation_extractor").objective.threshold
    monkeypatch.setattr(spacy.util, "load_model", {str(model): nlp}.get)
    monkeypatch.setattr(Language, "evaluate", None)
    result = run(model, data, "--gold-entities", "--curve")
    assert result.exit_code == 1
    assert "no precision-recall curve" in " ".join(result.output.split())


def test_missing_data(model, tmp_path):
    assert run(model, tmp_path / "nothing.spacy").exit_code == 2


def test_installation_alone_makes_the_command_known(tmp_path):
    command = [sys.executable, "-m", "spacy", "relext", "evaluate", "--help"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and "--gold-entities" in result.stdout


def test_gold_entities_are_not_overwritten(model, data, tmp_path):
    nlp = spacy.load(model)
    ruler = nlp.add_pipe("entity_ruler", first=True, config={"overwrite_ents": True})
    ruler.add_patterns([{"pattern": text, "label": "X"} for text in ("in Cork", "in Erfurt")])
    nlp.add_pipe("ner", before="relation_extractor").add_label("ORG")
    nlp.get_pipe("ner").initialize(lambda: make_examples(nlp), nlp=nlp)
    nlp.to_disk(tmp_path / "model")
    result = run(tmp_path / "model", data, "-G", "-o", tmp_path / "metrics.json")
    assert "without: entity_ruler, ner" in result.output
    assert json.loads((tmp_path / "metrics.json").read_text())["rels_f"] == 1


def test_components_that_set_what_the_extractor_does_not_read(model, data, tmp_path):
    nlp = spacy.load(model)
    nlp.add_pipe("span_ruler", first=True).add_patterns([{"pattern": "Ada", "label": "PER"}])
    nlp.to_disk(tmp_path)
    assert "Entities: none" in run(tmp_path, data).output


@pytest.mark.filterwarnings("ignore:.*come without entities")
def test_two_extractors_one_on_spans(model, data, tmp_path):
    """Each gets its table, and its entities, which may nest."""
    docs = []
    for eg in make_examples(spacy.blank("en")):
        doc = eg.reference
        doc.spans["sc"] = [*doc.ents, Span(doc, 0, len(doc), "ALL")]
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "dev.spacy")
    nlp = make_nlp(
        name="on_spans", spans_key="sc",
        scorer={"@scorers": "spacy-relext.relation_scorer.v1", "key": "spans", "labels": None},
    )  # fmt: skip
    nlp.add_pipe("relation_extractor", name="on_ents", source=spacy.load(model))
    nlp.add_pipe("span_ruler", first=True, config={"spans_key": "sc", "overwrite": True})
    nlp.to_disk(tmp_path / "model")
    result = run(tmp_path / "model", tmp_path / "dev.spacy", "-G", "-o", tmp_path / "metrics.json")
    assert "= rels =" in result.output and "= spans =" in result.output
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["rels_candidate_recall"] == metrics["spans_candidate_recall"] == 1
    assert "without: span_ruler" in result.output


@pytest.mark.filterwarnings("ignore:.*W090")
@pytest.mark.parametrize(
    "content",
    [b"no docs", b"", zlib.compress(srsly.msgpack_dumps({"no": "docs"})), None],
    ids=["text", "empty", "other data", "folder"],
)
@pytest.mark.parametrize("options", [[], ["-G", "--train"]])
def test_data_that_cannot_be_read_are_named(options, content, model, data, tmp_path):
    path = tmp_path / "bad.spacy"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    result = run(model, *([data] if options else []), *options, path)
    told = "".join(result.output.split())
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert "bad.spacy" in told and "store_user_data" not in told
    assert content is not None or "Nodocsin" in told


def test_of_a_folder_the_file_is_named(model, data, tmp_path):
    shutil.copy(data, tmp_path / "a.spacy")
    (tmp_path / "b.spacy").write_bytes(b"no docs")
    told = "".join(run(model, tmp_path).output.split())
    assert "b.spacy:" in told and "a.spacy" not in told


@pytest.mark.parametrize("options", [["--output"], ["--train", "train.spacy", "--output"]])
def test_data_are_not_written_over(options, model, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(data, "train.spacy")
    shutil.copy(data, "dev.spacy")
    target = "train.spacy" if "--train" in options else "dev.spacy"
    before = Path(target).read_bytes()
    result = run(model, "dev.spacy", *options, target)
    assert result.exit_code == 1 and "input and output" in result.output
    assert Path(target).read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--train", "corpus"]])
def test_data_of_a_folder_are_not_written_over(options, model, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    shutil.copy(data, "corpus/dev.spacy")
    read = "corpus" if not options else data
    for name in ("corpus/dev.spacy", "corpus/new.spacy"):
        result = run(model, read, *options, "--output", name)
        assert result.exit_code == 1 and "would be read as input" in result.output
        assert not Path("corpus/new.spacy").exists()
        assert Path("corpus/dev.spacy").read_bytes() == data.read_bytes()
    # What is not read of the folder may lie in it.
    assert run(model, read, *options, "--output", "corpus/m.json").exit_code == 0


@pytest.mark.parametrize("gpu", ["-1", "0"])
def test_what_cannot_be_loaded_is_told(gpu, data, monkeypatch):
    monkeypatch.setattr("thinc.util.has_cupy", False)
    result = run("no-such-model", data, "--gpu-id", gpu)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert ("no-such-model" if gpu == "-1" else "CuPy is not installed") in result.output


def test_data_that_is_no_docbin(model, tmp_path):
    (tmp_path / "dev.jsonl").write_text("{}")
    with pytest.warns(UserWarning, match="W090"):
        result = run(model, tmp_path / "dev.jsonl")
    assert result.exit_code == 1 and "No docs in" in result.output
