import json
import sys
from collections import Counter
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.util import import_file
from spacy.vocab import Vocab

from spacy_relext import get_relations, has_relations

BENCHMARKS = Path(__file__).parents[2] / "project" / "benchmarks"
splits = import_file("splits", BENCHMARKS / "splits.py")

SEMEVAL = """1\t"A <e1>storm</e1> ruined the <e2>harvest</e2>."
Cause-Effect(e1,e2)
Comment:

2\t"Our (<e1>roof</e1>/<e2>tile</e2>s) leaked."
Component-Whole(e2,e1)
Comment: none

3\t"A <e1>dog</e1> slept near a <e2>door</e2>."
Other
Comment:
"""


@pytest.fixture
def corpora(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_file("corpora", BENCHMARKS / "corpora.py")
    sys.modules.pop("splits", None)


@pytest.fixture
def nlp():
    return spacy.blank("en")


def test_semeval(nlp, tmp_path):
    path = tmp_path / "train.txt"
    path.write_bytes(SEMEVAL.replace("\n", "\r\n").encode("utf8"))
    expanded = Counter()
    cause, whole, other = splits.load(nlp, "semeval", path, expanded)
    assert cause.text == "A storm ruined the harvest."
    [relation] = get_relations(cause)
    assert (relation.label, relation.head.text) == ("Cause-Effect", "storm")
    [relation] = get_relations(whole)
    assert (relation.label, relation.head.text) == ("Component-Whole", "tiles")
    assert +expanded == {whole.text: 1}
    assert has_relations(other) and not get_relations(other)
    assert [span.label_ for span in other.ents] == ["NOMINAL", "NOMINAL"]


@pytest.mark.parametrize("label", ["Cause-Effect", "Cause-Effect(e1,e1)"])
def test_semeval_without_direction(nlp, tmp_path, label):
    path = tmp_path / "train.txt"
    path.write_text(f'\n7\t"A <e1>storm</e1> hit <e2>us</e2>."\n{label}\n')
    with pytest.raises(ValueError, match="train.txt:2: relation dropped"):
        splits.load(nlp, "semeval", path, Counter())


def test_labels_of_the_tutorial(nlp, tmp_path):
    words = ["IL", "-", "2", "binds", "p65", "and", "raises", "p50"]
    bounds = {"IL-2": (0, 2), "p65": (4, 4), "p50": (7, 7)}
    text = "IL-2 binds p65 and raises p50"
    record = {
        "text": text,
        "answer": "accept",
        "meta": {"source": "PMC-1234-00"},
        "tokens": [{"text": word, "ws": word not in ("IL", "-", "p50")} for word in words],
        "spans": [
            {
                "start": text.index(name),
                "end": text.index(name) + len(name),
                "token_start": start,
                "token_end": end,
                "label": "GGP",
            }
            for name, (start, end) in bounds.items()
        ],
        "relations": [
            {"head": 4, "child": 2, "label": "Binds"},
            {"head": 2, "child": 7, "label": "Pos-Reg"},
            {"head": 2, "child": 7, "label": "Reg"},
        ],
    }
    path = tmp_path / "rel-component" / "annotations.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(record), encoding="utf8")
    read = splits.read_rel_component(nlp, tmp_path, 0, Counter())
    [doc] = read["dev"]
    found = {(x.head.text, x.tail.text, x.label) for x in get_relations(doc)}
    assert found == {("IL-2", "p65", "Binds"), ("IL-2", "p50", "Regulates")}


def test_missing_data(corpora, tmp_path, capsys):
    with pytest.raises(SystemExit):
        corpora.main(tmp_path / "out", data=tmp_path / "nowhere", seed=0)
    assert "--data" in capsys.readouterr().out


@pytest.mark.skipif(not splits.DATA.is_dir(), reason=f"no corpora in {splits.DATA}")
def test_published_corpora(corpora, tmp_path):
    corpora.main(tmp_path, data=splits.DATA, seed=0)
    rows = json.loads((tmp_path / "counts.json").read_text())
    counts = {(row["corpus"], row["split"]): row for row in rows}
    assert counts["semeval", "train"]["docs"] == 8000
    assert counts["semeval", "test"]["docs"] == 2717
    assert counts["semeval", "tune_dev"]["also_in_train"] == 0
    assert counts["conll04", "train_dev"]["relations"] == 1283 + 343
    assert counts["conll04", "test"]["relations"] == 422
    assert counts["conll04", "test"]["also_in_train"] == 18
    assert counts["conll04", "unbalanced"]["relations"] == 399
    parts = ("train", "dev", "test")
    assert sum(counts["rel_component", part]["docs"] for part in parts) == 149
    folds = [
        [counts["rel_component", f"fold-{i}/{part}"]["docs"] for part in parts]
        for i in range(splits.N_FOLDS)
    ]
    assert all(sum(fold) == 149 for fold in folds)
    # Each doc is tested on once, and in another fold is dev.
    assert sum(test for *_, test in folds) == sum(dev for _, dev, _ in folds) == 149
    path = tmp_path / "conll04" / "test.spacy"
    docs = list(DocBin().from_disk(path).get_docs(Vocab()))
    assert all(has_relations(doc) and doc.has_unknown_spaces for doc in docs)
