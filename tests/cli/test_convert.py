import os
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.tokens import Doc
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401
from spacy_relext import get_relations
from spacy_relext.cli.convert import convert
from spacy_relext.convert.corpus_writer import CorpusWriter
from spacy_relext.corpus import create_entity_corpus
from spacy_relext.user_data import SOURCE_KEY

ANN = "T1\tPERSON 0 4\tMira\nT2\tPLACE 14 18\tTarn\nR1\tBORN_IN Arg1:T1 Arg2:T2\n"
TEXT = "Mira was born Tarn-side."


def relext_convert(*options):
    return CliRunner().invoke(app, ["relext", "convert", *(str(x) for x in options)])


def read(path):
    return [example.reference for example in create_entity_corpus(path)(spacy.blank("en"))]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "brat"
    folder.mkdir()
    for i in range(10):
        (folder / f"{i}.txt").write_text(TEXT.replace("Tarn", f"Tar{i}"))
        (folder / f"{i}.ann").write_text(ANN.replace("Tarn", f"Tar{i}"))
    return folder


def test_convert(folder, tmp_path):
    report = tmp_path / "report.jsonl"
    result = relext_convert(folder, tmp_path / "out.spacy", "--report", report)
    assert result.exit_code == 0, result.output
    docs = read(tmp_path / "out.spacy")
    assert len(docs) == 10
    [relation] = get_relations(docs[3])
    assert (relation.head.text, relation.label, relation.tail.text) == (
        "Mira",
        "BORN_IN",
        "Tar3",
    )
    assert "relation     10        10         0" in result.output
    assert not report.read_text()


def test_split_by_document(folder, tmp_path):
    def split(name, *options):
        out = tmp_path / name
        result = relext_convert(folder, out, "--dev", 0.2, "--test", 0.3, *options)
        assert result.exit_code == 0, result.output
        return [
            {doc.text for doc in read(out / f"{x}.spacy")} for x in ("train", "dev", "test")
        ]

    parts = split("one")
    assert [len(part) for part in parts] == [5, 2, 3]
    assert len(set.union(*parts)) == 10
    assert split("two") == parts
    assert split("three", "--seed", 1) != parts


@pytest.mark.parametrize("dev, test", [(0.9, 0.1), (0.7, 0.3), (0.5, 0.5), (0, 1)])
def test_shares_that_make_a_whole(dev, test, folder, tmp_path):
    """Of nine documents, whose halves are none; and in numbers that are not exact."""
    (folder / "9.txt").unlink()
    (folder / "9.ann").unlink()
    out = tmp_path / "out"
    result = relext_convert(folder, out, "--dev", dev, "--test", test)
    assert result.exit_code == 0, result.output
    names = [name for name, share in (("dev", dev), ("test", test)) if share]
    assert sorted(x.name for x in out.iterdir()) == [f"{x}.spacy" for x in names]
    assert sum(len(read(out / f"{x}.spacy")) for x in names) == 9


def test_split_of_an_earlier_run_is_told(folder, tmp_path):
    """It may be a corpus of its own, and so it is kept."""
    out = tmp_path / "out"
    result = relext_convert(folder, out, "--dev", 0.2, "--test", 0.3)
    assert result.exit_code == 0 and "Left as it was" not in result.output
    before = (out / "test.spacy").read_bytes()
    result = relext_convert(folder, out, "--dev", 0.2)
    assert result.exit_code == 0 and (out / "test.spacy").read_bytes() == before
    output = " ".join(result.output.split())
    assert f"Left as it was: {out / 'test.spacy'}." in output


def test_docs_of_each_split_are_told(folder, tmp_path):
    out = tmp_path / "out"
    result = relext_convert(folder, out, "--dev", 0.2, "--test", 0.04)
    output = " ".join(result.output.split())
    assert f"Docs in {out / 'train.spacy'}: 8" in output
    assert f"Docs in {out / 'dev.spacy'}: 2" in output
    assert f"No doc in {out / 'test.spacy'}" in output


def test_dropped(folder, tmp_path):
    (folder / "3.ann").write_text(ANN.replace("Arg2:T2", "Arg2:T7"))
    report = tmp_path / "report.jsonl"
    out = tmp_path / "out.spacy"
    result = relext_convert(folder, out, "--report", report)
    assert result.exit_code == 0 and "3.ann:3: no entity 'T7'" in result.output
    problems = list(srsly.read_jsonl(report))
    # "Tarn" was given to a text that has "Tar3".
    assert [problem["kind"] for problem in problems] == ["entity", "relation"]
    result = relext_convert(folder, out, "--strict")
    assert result.exit_code == 1 and "3.ann:2: entity dropped" in result.output


@pytest.mark.parametrize("to", ["spacy", "jsonl", "brat"])
def test_name_that_is_no_utf8(to, folder, tmp_path):
    """Neither the document nor what is told of it is lost, nor any other."""
    for suffix, content in ((".txt", TEXT), (".ann", f"{ANN}{ANN}X\n")):
        path = os.fsencode(folder) + b"/caf\xe9" + suffix.encode()
        try:
            Path(os.fsdecode(path)).write_text(content)
        except OSError:
            pytest.skip("needs a file system that takes any bytes as a name")
    out, report = tmp_path / ("out" if to == "brat" else f"out.{to}"), tmp_path / "report"
    result = relext_convert(folder, out, "--to", to, "--report", report)
    assert result.exit_code == 0, result.output
    place = f"{folder / 'caf'}\ufffd.ann"
    places = {x["place"] for x in srsly.read_jsonl(report)}
    assert places == {f"{place}:{line}" for line in (4, 5, 6, 7)}
    assert f"{place}:4: its id 'T1' is that of '{place}:1' too" in result.output
    if to == "spacy":
        assert [x.user_data[SOURCE_KEY][0] for x in read(out)][-1] == "caf\ufffd"
    elif to == "jsonl":
        assert [x["source"] for x in srsly.read_jsonl(out)][-1] == "caf\ufffd"
    else:
        assert (out / "caf.txt").read_text() == TEXT


def test_documents_add_up(tmp_path):
    """One that is malformed, and one that has no text, are read as are those written; one
    that was not accepted is not."""
    path = tmp_path / "in.jsonl"
    texts = ["Mira sings. Tarn sleeps.", " ", 3, "Mira sings."]
    tasks = [{"text": text, "relations": []} for text in texts]
    tasks.append({"text": "Mira sings.", "relations": [], "answer": "reject"})
    srsly.write_jsonl(path, tasks)
    options = ("--format", "prodigy", "--cut", "sentence")
    result = relext_convert(path, tmp_path / "out.spacy", *options)
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert "document 4 2 2 1 skipped" in output
    assert f"Docs in {tmp_path / 'out.spacy'}: 3" in output


def test_strict_leaves_the_output_as_it_was(folder, tmp_path):
    outputs = [tmp_path / "a.spacy", tmp_path / "b.jsonl", tmp_path / "c"]
    report = tmp_path / "new" / "report.jsonl"
    (folder / "7.ann").write_text(ANN.replace("Arg2:T2", "Arg2:T7"))
    for output in outputs:
        to = {".jsonl": "jsonl", "": "brat"}.get(output.suffix, "spacy")
        options = (folder, output, "--to", to, "--strict", "--report", report)
        assert relext_convert(*options).exit_code == 1 and not output.exists()
        assert len(report.read_text().splitlines()) == 1
    outputs[1].write_text("before")
    assert relext_convert(folder, outputs[1], "--to", "jsonl", "--strict").exit_code == 1
    assert outputs[1].read_text() == "before"
    # Nor is anything left under another name.
    assert {path.name for path in tmp_path.iterdir()} == {"brat", "new", "b.jsonl"}
    assert relext_convert(folder, outputs[1], "--to", "jsonl").exit_code == 0
    assert len(outputs[1].read_text().splitlines()) == 10


def test_no_document_leaves_the_output_as_it_was(tmp_path):
    path, output = tmp_path / "in.jsonl", tmp_path / "out.spacy"
    path.write_text('{"text": 1, "entities": [{"start_offset": 0}]}\n')
    output.write_text("before")
    for found in (output, tmp_path / "other.spacy"):
        result = relext_convert(path, found)
        assert result.exit_code == 1 and "No document in" in result.output
        # And why there is none.
        assert "'text' is of type int" in " ".join(result.output.split())
    assert output.read_text() == "before"
    assert {x.name for x in tmp_path.iterdir()} == {"in.jsonl", "out.spacy"}


def test_folder_of_other_files_is_not_replaced(folder, tmp_path):
    output = tmp_path / "out.spacy"
    output.mkdir()
    assert relext_convert(folder, output).exit_code == 0 and output.is_file()
    for name, others in (("a.spacy", ["notes.txt"]), ("b.jsonl", ["0001.spacy"])):
        output = tmp_path / name
        output.mkdir()
        for other in others:
            (output / other).write_text("before")
        to = output.suffix[1:]
        result = relext_convert(folder, output, "--to", to)
        assert result.exit_code == 1 and len(list(output.iterdir())) == 1
        assert "There are other files already in" in " ".join(result.output.split())
    # What convert writes itself of a large corpus.
    (tmp_path / "a.spacy" / "notes.txt").rename(tmp_path / "a.spacy" / "0001.spacy")
    assert relext_convert(folder, tmp_path / "a.spacy").exit_code == 0
    assert len(read(tmp_path / "a.spacy")) == 10


@pytest.mark.parametrize(
    "output, report, options",
    [
        ("out.jsonl", "out.jsonl", ["--to", "jsonl"]),
        ("out", "out/report.jsonl", ["--to", "brat"]),
        ("out", "out/dev.jsonl", ["--to", "jsonl", "--dev", 0.2]),
    ],
)
def test_report_is_not_written_over(output, report, options, folder, tmp_path):
    output, report = tmp_path / output, tmp_path / report
    result = relext_convert(folder, output, "--report", report, *options)
    assert result.exit_code == 1 and not output.exists()
    assert "The report would be lost" in " ".join(result.output.split())
    # Beside the splits it may lie.
    if "--dev" in options:
        beside = report.with_name("report.jsonl")
        result = relext_convert(folder, output, "--report", beside, *options)
        assert result.exit_code == 0 and beside.read_text() == ""


def test_input_is_not_written_over_by_a_split(folder, tmp_path):
    path = tmp_path / "train.spacy"
    assert relext_convert(folder, path).exit_code == 0
    before = path.read_bytes()
    result = relext_convert(path, tmp_path, "--dev", 0.2)
    assert result.exit_code == 1 and path.read_bytes() == before
    assert "cannot be input and output" in " ".join(result.output.split())
    # Nor one of several files by all of them.
    (tmp_path / "large.spacy").mkdir()
    path = path.rename(tmp_path / "large.spacy" / "0001.spacy")
    result = relext_convert(path, path.parent)
    assert result.exit_code == 1 and path.read_bytes() == before


def test_input_is_not_written_over(folder, tmp_path):
    path = tmp_path / "in.jsonl"
    assert relext_convert(folder, path, "--to", "jsonl").exit_code == 0
    before = path.read_bytes()
    result = relext_convert(path, path, "--to", "jsonl")
    assert result.exit_code == 1 and path.read_bytes() == before
    assert "cannot be input and output" in " ".join(result.output.split())
    (tmp_path / "tasks").mkdir()
    path = path.rename(tmp_path / "tasks" / "in.jsonl")
    inside, outside = path.with_name("out.jsonl"), tmp_path / "out.jsonl"
    for options in ([inside], [outside, "--report", inside]):
        result = relext_convert(path.parent, *options, "--to", "jsonl")
        assert result.exit_code == 1 and not inside.exists()
        assert "would be read as input" in " ".join(result.output.split())
    # One that is not read may lie there.
    assert relext_convert(path.parent, path.with_name("out.spacy")).exit_code == 0


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="pipes have no path here")
@pytest.mark.parametrize("options", [[], ["--format", "doccano"]])
def test_what_can_be_read_once_is_refused(options, tmp_path):
    """The first look at it would take all."""
    reading, writing = os.pipe()
    os.write(writing, b'{"text": "a b", "entities": [{"start_offset": 0}]}\n')
    os.close(writing)
    path = Path(f"/dev/fd/{reading}")
    result = relext_convert(path, tmp_path / "out.spacy", *options)
    os.close(reading)
    assert result.exit_code == 1 and "not a pipe" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "options, message",
    [
        (["out.spacy", "--lang", "qq"], "No tokenizer for the language 'qq'"),
        (["out.spacy", "--format", "excel"], "Unknown format 'excel'"),
        (["out.json"], "The output ends with .spacy"),
        (["out.spacy", "--dev", "0.1"], "the output is a folder"),
        (["out", "--dev", "0.7", "--test", "0.7"], "more than all"),
        (["out.spacy", "--cut", "page"], "found: 'page'"),
    ],
)
def test_bad_options(folder, tmp_path, options, message):
    report = tmp_path / "report.jsonl"
    report.write_text("That of an earlier run.")
    options = [*options, "--report", str(report)]
    result = relext_convert(folder, tmp_path / options[0], *options[1:])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert report.read_text() == "That of an earlier run."


def test_unknown_format(tmp_path):
    (tmp_path / "notes.txt").write_text("Nothing annotated here.")
    result = relext_convert(tmp_path, tmp_path / "out.spacy")
    assert result.exit_code == 1
    assert "it looks like none" in " ".join(result.output.split())


@pytest.mark.parametrize(
    "limits, n_files", [({"max_docs": 3}, 3), ({"max_tokens": 4}, 4), ({"max_tokens": 1}, 7)]
)
def test_large_corpus_is_a_folder(limits, n_files, tmp_path):
    path = tmp_path / "large.spacy"
    vocab = spacy.blank("en").vocab
    writer = CorpusWriter(path, **limits)
    for i in range(7):
        writer.add(Doc(vocab, words=[str(i), "."]))
    writer.close()
    assert len(list(path.iterdir())) == n_files
    assert [doc[0].text for doc in read(path)] == [str(i) for i in range(7)]


@pytest.mark.parametrize("to", ["spacy", "jsonl"])
def test_vocabulary_does_not_grow_with_the_input(to, tmp_path, monkeypatch):
    kept = []

    def load(lang):
        kept.append(spacy.blank(lang))
        return kept[-1]

    monkeypatch.setattr("spacy_relext.cli.convert._load_tokenizer", load)
    monkeypatch.setattr("spacy_relext.cli.convert.ZONE", 7)
    path = tmp_path / "in.jsonl"
    lines = [
        {"id": str(i), "source": "a", "text": f"word{i} is new", "entities": []}
        for i in range(50)
    ]
    srsly.write_jsonl(path, lines)
    output = tmp_path / f"out.{to}"
    convert(path, output, to=to, format="jsonl")
    assert "word49" not in kept[0].vocab.strings
    if to == "spacy":
        assert [doc.text for doc in read(output)] == [line["text"] for line in lines]
    else:
        texts = [line["text"] for line in srsly.read_jsonl(output)]
        assert texts == [line["text"] for line in lines]


@pytest.mark.parametrize("to", ["spacy", "brat"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_to_a_folder_stays_one(to, is_there, tmp_path):
    """Whether what it leads to is there already or not."""
    folder, link = tmp_path / "folder.spacy", tmp_path / "link.spacy"
    link.symlink_to(folder)
    if is_there:
        folder.mkdir()
    path = tmp_path / "in.jsonl"
    lines = [{"id": str(i), "source": "a", "text": "Ada", "entities": []} for i in range(2)]
    srsly.write_jsonl(path, lines)
    convert(path, link, to=to, format="jsonl")
    assert link.is_symlink() and folder.exists()
    n_found = len(list(link.iterdir())) // 2 if to == "brat" else len(list(read(link)))
    assert n_found == 2
