import csv
import json
import os

import pytest
from spacy.cli import app
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401

RECORD = {
    "id": "one",
    "source": "one.txt",
    "text": "Ada met Bo.",
    "entities": [
        {"id": 0, "start": 0, "end": 3, "text": "Ada", "label": "PERSON", "kb_id": "Q1"},
        {"id": 1, "start": 8, "end": 10, "text": "Bo", "label": "PERSON", "kb_id": ""},
    ],
    "relations": [
        {
            "head": 0,
            "tail": 1,
            "label": "MET",
            "score": 0.75,
            "symmetric": False,
            "sentence": {"start": 0, "end": 11},
        }
    ],
}


def graph(*options):
    return CliRunner().invoke(app, ["relext", "graph", *map(str, options)])


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(RECORD) + "\n")
    return path


@pytest.mark.parametrize("format", ["ttl", "nt", "graphml", "csv"])
def test_formats(records, format):
    pytest.importorskip("rdflib")
    pytest.importorskip("networkx")
    result = graph(records, "--format", format)
    assert result.exit_code == 0, result.output
    text = records.with_suffix(f".{format}").read_text()
    assert "Ada met Bo." in text and "0.75" in text or "7.5e-01" in text


def test_options(records, tmp_path):
    output = tmp_path / "new" / "graph.csv"
    options = ("--format", "csv", "--output", output)
    result = graph(records, *options, "--prefix", "kb=https://kb.test/")
    assert result.exit_code == 0 and "https://kb.test/Q1" in output.read_text()
    result = graph(records, *options, "--min-score", 0.8)
    assert result.exit_code == 0 and len(output.read_text().splitlines()) == 1
    records.write_text(json.dumps(RECORD).replace("Q1", "Q1/Q2") + "\n")
    result = graph(records, *options, "--separator", "/")
    assert result.exit_code == 0 and len(output.read_text().splitlines()) == 3


BAD_NAMES = ("my kb", "1a", "a.", "-x", "x#", "ä")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--prefix", "kb"], "--prefix must be NAME=IRI, found: 'kb'"),
        (["--prefix", "kb=kb"], "must be an IRI"),
        *((["--prefix", f"{name}=urn:x:"], "name of a prefix") for name in BAD_NAMES),
        (["--separator", ""], "separator must not be empty"),
    ],
)
def test_bad_options(records, options, message):
    result = graph(records, "--format", "csv", *options)
    assert result.exit_code == 1 and message in " ".join(result.output.split())


def test_input_is_not_written_over(records, tmp_path):
    before = records.read_bytes()
    (tmp_path / "new").mkdir()
    output = tmp_path / "new" / ".." / "out.jsonl"
    result = graph(records, "--format", "csv", "--output", output)
    assert result.exit_code == 1 and records.read_bytes() == before
    assert "cannot be input and output" in " ".join(result.output.split())
    # Where it is by default.
    renamed = records.rename(tmp_path / "out.csv")
    assert graph(renamed, "--format", "csv").exit_code == 1
    assert renamed.read_bytes() == before


def test_warns_of_texts_with_one_id(records):
    """Not of one text that is there twice."""
    again = [json.dumps(RECORD)] * 2
    records.write_text("\n".join(again))
    assert "more than one text" not in graph(records, "--format", "csv").output
    other = {**RECORD, "text": "Ada met Bo?"}
    records.write_text("\n".join([*again, json.dumps(other)]))
    result = graph(records, "--format", "csv")
    assert result.exit_code == 0
    assert "name more than one text: 1, such as 'one'" in " ".join(result.output.split())
    table = records.with_suffix(".csv").read_text()
    assert "Ada met Bo." in table and "Ada met Bo?" in table


def test_document_that_is_there_twice_has_the_better_scores(records, tmp_path):
    """Whatever stands between the two, and in whichever file it is."""
    better = [{**RECORD["relations"][0], "score": 0.875}]
    other = {**RECORD, "id": "other"}
    lines = [other, {**RECORD, "relations": better}, other]
    again = tmp_path / "again.jsonl"
    again.write_text("\n".join(map(json.dumps, lines)))
    for inputs in ([records, again], [again, records]):
        output = tmp_path / "graph.csv"
        result = graph(*inputs, "--format", "csv", "--output", output)
        assert "come more than once: 2, such as 'one'" in " ".join(result.output.split())
        rows = list(csv.DictReader(output.open()))
        names = [row["document"].rsplit("/")[-1] for row in rows]
        assert sorted(zip(names, (row["score"] for row in rows))) == [
            ("one", "0.875"),
            ("other", "0.75"),
        ]


@pytest.mark.parametrize("format", ["ttl", "nt", "graphml", "csv"])
def test_no_record(records, format):
    """The graph of before stays."""
    pytest.importorskip("rdflib")
    pytest.importorskip("networkx")
    assert graph(records, "--format", format).exit_code == 0
    before = records.with_suffix(f".{format}").read_bytes()
    records.write_text(json.dumps(RECORD) + '\n{"text": "half')
    result = graph(records, "--format", format, "--min-score", 0.8)
    assert result.exit_code == 1
    assert records.with_suffix(f".{format}").read_bytes() == before
    assert "out.jsonl:2: no record" in "".join(result.output.split("\n"))


def test_docs_are_no_records(records):
    """It tells what makes records of them."""
    path = records.rename(records.with_suffix(".spacy"))
    result = graph(path, "--format", "csv")
    assert result.exit_code == 1
    assert "relext convert" in " ".join(result.output.split())


def test_documents_without_a_record_are_told(records):
    assert "left out" not in graph(records, "--format", "csv").output
    error = json.dumps({"id": "x", "text": "An \"error\".", "error": "MemoryError: "})
    records.write_text(f"{records.read_text().strip()}\n{error}\n{error}")
    result = graph(records, "--format", "csv")
    assert result.exit_code == 0
    assert "Documents left out, as the pipeline failed on them: 2" in result.output


@pytest.mark.parametrize("format", ["ttl", "graphml", "csv"])
def test_full_disk(records, format, small_disk):
    """The graph of before stays, and the error says which could not be written."""
    pytest.importorskip("rdflib")
    pytest.importorskip("networkx")
    output = records.with_suffix(f".{format}")
    output.write_text("before")
    with small_disk(100):
        result = graph(records, "--format", format)
    assert result.exit_code == 1 and output.read_text() == "before"
    assert str(output) in "".join(result.output.split())
    assert {x.name for x in output.parent.iterdir()} == {records.name, output.name}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name here")
def test_what_can_be_read_once_is_refused(tmp_path):
    """It would be an empty graph."""
    os.mkfifo(tmp_path / "pipe")
    result = graph(tmp_path / "pipe", "--format", "csv")
    assert result.exit_code == 1 and "not a pipe" in " ".join(result.output.split())
    assert not (tmp_path / "pipe.csv").exists()
