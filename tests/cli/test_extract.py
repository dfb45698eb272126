import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc
from spacy.util import DummyTokenizer
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401
from spacy_relext.records import as_record

from ..test_extractor import DATA, make_examples, make_nlp
from ..test_transformer import make_nlp as make_transformer_nlp

N_TEXTS = 60


def extract(*options):
    return CliRunner().invoke(app, ["relext", "extract", *map(str, options)])


def read(path):
    return [json.loads(line) for line in path.read_text("utf8").splitlines()]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Finds entities by rules, and relations between them."""
    path = tmp_path_factory.mktemp("model")
    nlp = make_nlp(n_updates=60)
    add_names(nlp)
    nlp.to_disk(path)
    return path


def add_names(nlp):
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "PERSON", "pattern": x} for x in ("Ann", "Bob", "Eve")])


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.jsonl"
    lines = [
        json.dumps({"id": f"t{i}", "text": f"Ann met Bob {i} times."})
        for i in range(N_TEXTS)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_records(model, texts, tmp_path):
    output = tmp_path / "out.jsonl"
    result = extract(model, texts, "--output", output)
    assert result.exit_code == 0, result.output
    records = read(output)
    assert [record["id"] for record in records] == [f"t{i}" for i in range(N_TEXTS)]
    record = records[7]
    assert record["source"].endswith("texts.jsonl:8")
    ann, bob = record["entities"]
    assert record["text"][bob["start"] : bob["end"]] == bob["text"] == "Bob"
    assert {"label", "kb_id"} <= set(ann)
    assert all({"head", "tail", "label", "score"} <= set(x) for x in record["relations"])


def test_same_with_processes(model, texts, tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    assert extract(model, texts, "--output", one).exit_code == 0
    command = [sys.executable, "-m", "spacy", "relext", "extract", model, texts]
    command += ["--output", two, "--n-process", "2", "--batch-size", "7"]
    subprocess.run([str(x) for x in command], check=True, timeout=240, capture_output=True)
    assert read(two) == read(one)


def test_processes_with_a_transformer(tiny_encoder, texts, tmp_path):
    """They end, where copies of a process whose torch has threads would not."""
    nlp = make_transformer_nlp(tiny_encoder)
    nlp.initialize(lambda: make_examples(nlp, DATA))
    add_names(nlp)
    nlp.to_disk(tmp_path / "model")
    found = []
    for n in ("1", "2"):
        output = tmp_path / f"{n}.jsonl"
        command = [sys.executable, "-m", "spacy", "relext", "extract", tmp_path / "model"]
        command += [texts, "--output", output, "--n-process", n, "--batch-size", "7"]
        environment = {**os.environ, "OMP_NUM_THREADS": "4"}
        command = [str(x) for x in command]
        subprocess.run(
            command, check=True, timeout=240, capture_output=True, env=environment
        )
        found.append([(x["id"], x["entities"]) for x in read(output)])
    assert found[0] == found[1] and len(found[0]) == N_TEXTS


def test_bad_lines(model, texts, tmp_path):
    with texts.open("a") as file:
        file.write('{"text": 3}\nnot json\n{"text": "Eve met Ann."}\n')
    output = tmp_path / "out.jsonl"
    result = extract(model, texts, "--output", output)
    assert result.exit_code == 0
    told = "".join(result.output.split("\n"))
    assert f"texts.jsonl:{N_TEXTS + 1}" in told and f"texts.jsonl:{N_TEXTS + 2}" in told
    records = read(output)
    assert len(records) == N_TEXTS + 1 and records[-1]["text"] == "Eve met Ann."


def test_id_field_that_no_document_has(model, texts, tmp_path):
    """It is told, but nothing is left out."""
    options = (model, texts, "--output", tmp_path / "out.jsonl", "--id-field", "docid")
    result = extract(*options)
    assert result.exit_code == 0 and "no document has an id under 'docid'" in result.output
    assert "Left out" not in result.output
    records = read(tmp_path / "out.jsonl")
    assert all(record["id"] == record["source"] for record in records)


@pytest.mark.parametrize("n_process", [1, 2])
def test_killed_and_resumed(n_process, model, texts, tmp_path):
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    # A score may be another in its last digit in a batch of another size.
    each = ("--batch-size", "1")
    assert extract(model, texts, "--output", whole, *each).exit_code == 0
    command = [sys.executable, "-m", "spacy", "relext", "extract", model, texts]
    command += ["--output", output, *each, "--n-process", str(n_process)]
    process = subprocess.Popen(
        [str(x) for x in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 240
    while not (output.exists() and output.read_bytes().count(b"\n") > 2):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # As if the last line had been cut in the middle.
    data = output.read_bytes()
    output.write_bytes(data + whole.read_bytes()[len(data) :][:20])
    assert extract(model, texts, "--output", output, *each).exit_code == 0
    assert output.read_bytes() == whole.read_bytes()


def test_nothing_left_to_do(model, texts, tmp_path, monkeypatch):
    output = tmp_path / "out.jsonl"
    assert extract(model, texts, "--output", output).exit_code == 0
    before = output.read_bytes()
    # No pipeline is loaded, and a copy of the model is no other.
    monkeypatch.setattr("spacy.util.load_model", None)
    copy = shutil.copytree(model, tmp_path / "copy", copy_function=shutil.copyfile)
    result = extract(copy, texts, "--output", output)
    assert result.exit_code == 0 and output.read_bytes() == before


@pytest.mark.parametrize("n_done", [N_TEXTS, 3])
def test_another_model(n_done, model, texts, tmp_path):
    """Its results are not put behind those of the one before, nor taken for them."""
    other, output = shutil.copytree(model, tmp_path / "other"), tmp_path / "out.jsonl"
    assert extract(other, texts, "--output", output).exit_code == 0
    lines = output.read_bytes().splitlines(keepends=True)[:n_done]
    # Its last line is cut off.
    output.write_bytes(b"".join(lines)[:-30])
    before = output.read_bytes()
    # All that differs is numbers.
    nlp = spacy.load(other)
    for node in nlp.get_pipe("relation_extractor").model.walk():
        for name in node.param_names:
            node.set_param(name, node.get_param(name) * 0.5)
    nlp.to_disk(other)
    result = extract(other, texts, "--output", output)
    assert result.exit_code == 1 and output.read_bytes() == before
    told = " ".join(result.output.split())
    assert "with another model" in told and "--overwrite" in told
    assert extract(other, texts, "--output", output, "--overwrite").exit_code == 0
    assert len(read(output)) == N_TEXTS


def test_other_code(model, texts, tmp_path):
    output, code = tmp_path / "out.jsonl", tmp_path / "code.py"
    code.write_text("THRESHOLD = 1")
    options = (model, texts, "--output", output, "--code", code)
    assert extract(*options).exit_code == extract(*options).exit_code == 0
    code.write_text("THRESHOLD = 2")
    assert extract(*options).exit_code == 1


def test_output_that_does_not_say_its_model(model, texts, tmp_path):
    output = tmp_path / "out.jsonl"
    assert extract(model, texts, "--output", output).exit_code == 0
    records = read(output)
    for record in records:
        del record["model"]
    before = "\n".join(map(json.dumps, records)) + "\n"
    output.write_text(before)
    result = extract(model, texts, "--output", output)
    assert result.exit_code == 1 and "--overwrite" in result.output
    assert output.read_text() == before


@pytest.mark.parametrize(
    "case, message",
    [
        ("no model", "no-such-model"),
        ("no extractor", "assigns doc._.relations"),
        ("no code", "Can't find factory"),
        ("no text", "No document in the input"),
    ],
)
def test_what_is_there_stays_where_nothing_works(case, message, model, texts, tmp_path):
    """Also where it is to be overwritten."""
    output = tmp_path / "out.jsonl"
    output.write_bytes(b"what was there\n")
    if case == "no model":
        model = "no-such-model"
    elif case == "no extractor":
        model = tmp_path / "blank"
        spacy.blank("en").to_disk(model)
    elif case == "no code":
        model = shutil.copytree(model, tmp_path / "other")
        config = (model / "config.cfg").read_text()
        config = config.replace('factory = "entity_ruler"', 'factory = "of_my_own"')
        (model / "config.cfg").write_text(config)
    else:
        texts.write_text("")
    options = (model, texts, "--output", output, "--overwrite")
    result = extract(*options)
    assert result.exit_code == 1 and message in " ".join(result.output.split())
    assert output.read_bytes() == b"what was there\n"


@pytest.mark.parametrize(
    "name, message",
    [
        ("numpy", "The package numpy is no pipeline"),
        ("typing_extensions", "The package typing_extensions is no pipeline"),
        ("spacy-transformers", "Its name may have underscores"),
    ],
)
def test_package_that_is_no_pipeline(name, message, texts, tmp_path):
    result = extract(name, texts, "--output", tmp_path / "out.jsonl")
    assert result.exit_code == 1 and message in " ".join(result.output.split())


def test_nothing_is_left_where_nothing_was_done(texts, tmp_path):
    """Neither a file, nor another in place of a link."""
    output, link = tmp_path / "out.jsonl", tmp_path / "link.jsonl"
    link.symlink_to(output)
    spacy.blank("en").to_disk(tmp_path / "blank")
    for path in (output, link):
        assert extract(tmp_path / "blank", texts, "--output", path).exit_code == 1
    assert not output.exists() and link.is_symlink()


@pytest.fixture
def fail_on(monkeypatch):
    """Has the pipeline fail on texts that contain any of these."""

    def patch(*parts):
        def fail(doc, **options):
            if any(part in doc.text for part in parts):
                raise MemoryError("this time")
            return as_record(doc, **options)

        monkeypatch.setattr("spacy_relext.cli.extract.as_record", fail)

    return patch


def list_failed(path):
    return [record["id"] for record in read(path) if "error" in record]


def test_documents_that_failed_before(model, texts, tmp_path, fail_on):
    """They are told again, and done again where that is asked for, each in its place."""
    whole, output = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    # A score may be another in its last digit in a batch of another size.
    options = (model, texts, "--batch-size", 1, "--output")
    assert extract(*options, whole).exit_code == 0
    fail_on("met Bob 7 times", "met Bob 58 times", "met Bob 59 times")
    result = extract(*options, output)
    assert result.exit_code == 0 and "Failed on: 3 documents" in result.output
    # As if it had been interrupted in one of them.
    output.write_bytes(output.read_bytes()[:-5])
    fail_on("met Bob 58 times")
    result = extract(*options, output)
    assert result.exit_code == 0 and list_failed(output) == ["t7", "t58"]
    assert "already: 59" in result.output and "--retry-failed" in result.output
    assert "Failed on before: 2 of these documents" in result.output
    # And once more, where it is to go on as well.
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[:-1]))
    result = extract(*options, output, "--retry-failed")
    assert result.exit_code == 0 and list_failed(output) == ["t58"]
    assert "already: 57" in result.output and "before" not in result.output
    fail_on()
    result = extract(*options, output, "--retry-failed")
    assert result.exit_code == 0 and "Failed" not in result.output
    assert output.read_bytes() == whole.read_bytes()
    assert {x.name for x in tmp_path.iterdir()} == {x.name for x in (texts, whole, output)}


def test_what_failed_stays_where_it_cannot_be_done_again(
    model, texts, tmp_path, fail_on, monkeypatch
):
    output = tmp_path / "out.jsonl"
    fail_on("7 times")
    assert extract(model, texts, "--output", output).exit_code == 0
    before = output.read_bytes()
    monkeypatch.setattr("spacy.util.load_model", None)
    extract(model, texts, "--output", output, "--retry-failed")
    assert output.read_bytes() == before


def test_every_document_failed(model, texts, tmp_path, fail_on):
    """Also where nothing is left to do, or of what is left nothing failed."""
    output = tmp_path / "out.jsonl"
    fail_on("met")
    options = (model, texts, "--output", output)
    for advice in (False, True):
        result = extract(*options)
        assert result.exit_code == 1 and "failed on every document" in result.output
        assert ("--retry-failed" in result.output) == advice
    output.write_bytes(b"".join(output.read_bytes().splitlines(keepends=True)[:-1]))
    fail_on()
    assert extract(*options).exit_code == 0
    assert extract(*options, "--retry-failed").exit_code == 0
    assert not list_failed(output)


def test_error_that_is_no_text(model, texts, tmp_path, monkeypatch):
    """As one that names a file by bytes that are no UTF-8."""

    def fail(doc, **options):
        raise ValueError("a\udcfc" if "7 times" in doc.text else "b")

    monkeypatch.setattr("spacy_relext.cli.extract.as_record", fail)
    options = (model, texts, "--output", tmp_path / "out.jsonl")
    for _ in range(2):
        assert "failed on every document" in extract(*options).output
    errors = [record["error"] for record in read(tmp_path / "out.jsonl")]
    assert len(errors) == N_TEXTS and errors[6:8] == ["ValueError: b", "ValueError: a\\udcfc"]


def test_full_disk(model, texts, tmp_path, small_disk):
    """What was written stays, and the same command goes on."""
    output = tmp_path / "out.jsonl"
    options = (model, texts, "--output", output, "--batch-size", 1)
    with small_disk(5000):
        result = extract(*options)
    assert result.exit_code == 1 and 0 < output.stat().st_size <= 5000
    told = " ".join(result.output.split())
    assert "The output can't be written" in told and "What was written stays" in told
    assert str(output) in told and "No relations" not in told
    assert extract(*options).exit_code == 0
    assert [record["id"] for record in read(output)] == [f"t{i}" for i in range(N_TEXTS)]


def test_input_is_not_written_over(model, texts):
    before = texts.read_bytes()
    result = extract(model, texts, "--output", texts, "--overwrite")
    assert result.exit_code == 1 and texts.read_bytes() == before
    assert "cannot be input and output" in " ".join(result.output.split())


def test_output_in_the_folder_of_the_model(model, texts):
    """It would make another model of it, so that it could not be continued."""
    result = extract(model, texts, "--output", model / "new" / "out.jsonl")
    assert result.exit_code == 1 and not (model / "new").exists()
    assert "lies in the folder of the model" in " ".join(result.output.split())


def test_other_input(model, texts, tmp_path):
    output = tmp_path / "out.jsonl"
    assert extract(model, texts, "--output", output).exit_code == 0
    other = tmp_path / "other.txt"
    other.write_text("Eve met Ann.")
    before = output.read_bytes()
    result = extract(model, other, "--output", output)
    assert result.exit_code == 1 and "not of the same input" in " ".join(
        result.output.split()
    )
    assert output.read_bytes() == before
    result = extract(model, other, "--output", output, "--overwrite")
    assert result.exit_code == 0 and len(read(output)) == 1


class Words(DummyTokenizer):
    """Puts one space between words, whatever is there, as those do that keep none."""

    def __init__(self, vocab):
        self.vocab = vocab

    def __call__(self, text):
        return Doc(self.vocab, words=re.findall(r"\w+|[^\w\s]", text))


@pytest.fixture
def model_of_words(model, tmp_path):
    spacy.registry.tokenizers("test_words.v1", func=make_words)
    copy = shutil.copytree(model, tmp_path / "words")
    config = (model / "config.cfg").read_text()
    (copy / "config.cfg").write_text(config.replace("spacy.Tokenizer.v1", "test_words.v1"))
    return copy


def make_words():
    return lambda nlp: Words(nlp.vocab)


def test_a_tokenizer_that_changes_spaces(model_of_words, texts, tmp_path, fail_on):
    """Such a run is continued as any other is, but not with other input."""
    lines = ["Ann  met\tBob.", "Eve met\u3000Ann \\ \"Bob\".", "Bob left\n\nEve."]
    texts.write_text("\n".join(json.dumps({"text": line}) for line in lines))
    output = tmp_path / "out.jsonl"
    options = (model_of_words, texts, "--output", output)
    fail_on("left")
    assert extract(*options).exit_code == 0 and list_failed(output)
    assert read(output)[0]["text"] == "Ann met Bob . "
    whole = output.read_bytes()
    # Also where the last line is cut off, in its text or behind it.
    for n_bytes in (len(whole), len(whole) - 9, whole.index(b"left")):
        output.write_bytes(whole[:n_bytes])
        result = extract(*options)
        assert result.exit_code == 0, result.output
        assert output.read_bytes() == whole
    fail_on()
    assert extract(*options, "--retry-failed").exit_code == 0 and not list_failed(output)
    whole = output.read_bytes()
    texts.write_text(texts.read_text().replace("Eve met", "Eve saw"))
    for data in (whole, whole.replace(b"Eve met", b'Eve"met')):
        output.write_bytes(data)
        result = extract(*options)
        assert result.exit_code == 1 and output.read_bytes() == data
        assert "out.jsonl:2 is not of the same input" in result.output
