import json
import math
import os
import zlib

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import DocBin
from transformers import AutoModel, AutoTokenizer
from typer.testing import CliRunner

import spacy_relext.cli  # noqa: F401
from spacy_relext.cli.pretrain import pretrain

TEXT = "ab cd ef gh ij kl"


def run(*args):
    return CliRunner().invoke(app, ["relext", "pretrain", *map(str, args)])


@pytest.fixture
def corpus(tmp_path):
    nlp = spacy.blank("en")
    path = tmp_path / "train.spacy"
    DocBin(docs=[nlp(TEXT), nlp("mn op")]).to_disk(path)
    return path


def test_reads_corpora_and_texts_and_says_what_it_cannot(tiny_encoder, corpus, tmp_path):
    texts = tmp_path / "more.jsonl"
    texts.write_text(f"{json.dumps({'text': TEXT})}\nno JSON\n")
    output = tmp_path / "encoder"
    result = run(tiny_encoder, corpus, texts, "--output", output, "--max-epochs", 2)
    assert result.exit_code == 0, result.output
    # Two letters are a word piece; [CLS] and [SEP] of three texts.
    assert "20 word pieces, 3 windows" in result.output
    assert "more.jsonl:2" in result.output and "Encoder in" in result.output
    assert AutoModel.from_pretrained(output).config.hidden_size == 32


@pytest.mark.parametrize(
    "content", [b"no zlib", zlib.compress(b"no msgpack"), zlib.compress(b"\x80")]
)
def test_a_damaged_corpus_is_named_and_left_out(content, tiny_encoder, corpus, tmp_path):
    damaged = tmp_path / "damaged.spacy"
    damaged.write_bytes(content)
    output = tmp_path / "encoder"
    result = run(tiny_encoder, damaged, corpus, "-o", output, "--max-epochs", 1)
    assert result.exit_code == 0, result.output
    assert "2 windows" in result.output
    assert "damaged.spacy: no docs of" in " ".join(result.output.split())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_corpus(tiny_encoder, corpus, tmp_path):
    """Nobody writes to it, so that to open it would take for ever."""
    pipes = [tmp_path / "a.spacy", tmp_path / "b.jsonl"]
    for pipe in pipes:
        os.mkfifo(pipe)
    output = tmp_path / "encoder"
    result = run(tiny_encoder, *pipes, corpus, "-o", output, "--max-epochs", 1)
    assert result.exit_code == 0, result.output
    assert result.output.count("not read: no file, but a folder, pipe") == 2


def test_a_folder_with_files_in_it_is_left_alone(tiny_encoder, corpus, tmp_path):
    output = tmp_path / "encoder"
    output.mkdir()
    (output / "mine.txt").touch()
    result = run(tiny_encoder, corpus, "--output", output, "--max-epochs", 1)
    assert result.exit_code == 1 and "--overwrite" in result.output
    assert [path.name for path in output.iterdir()] == ["mine.txt"]
    result = run(tiny_encoder, corpus, "-o", output, "--max-epochs", 1, "--overwrite")
    assert result.exit_code == 0 and (output / "config.json").exists()


def test_a_folder_with_texts_is_not_written_to(tiny_encoder, tmp_path):
    """An encoder has a vocab.txt of its own."""
    (tmp_path / "vocab.txt").write_text(TEXT)
    for read in (tmp_path, tmp_path / "vocab.txt"):
        result = run(tiny_encoder, read, "--output", tmp_path, "-e", 1, "--overwrite")
        assert result.exit_code == 1 and "cannot be input and output" in result.output
    assert [path.read_text() for path in tmp_path.iterdir()] == [TEXT]


def test_nothing_to_learn_from_is_an_error(tiny_encoder, tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("  ")
    result = run(tiny_encoder, empty, "--output", tmp_path / "encoder")
    assert result.exit_code == 1 and "no text to learn from" in result.output


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_what_is_no_learning_rate(rate, tiny_encoder, corpus, tmp_path):
    output = tmp_path / "encoder"
    result = run(tiny_encoder, corpus, "-o", output, "-e", 1, "--learn-rate", rate)
    assert result.exit_code == 1 and "--learn-rate must be above 0" in result.output
    assert not output.exists()


def test_no_such_encoder(corpus, tmp_path):
    result = run(tmp_path / "nowhere", corpus, "--output", tmp_path / "encoder")
    assert result.exit_code == 1 and "nowhere" in result.output


def test_what_an_interruption_leaves_is_the_epoch_before(
    tiny_encoder, corpus, tmp_path, monkeypatch
):
    from spacy_relext.cli.pretrain import MaskedLanguageModel

    train = MaskedLanguageModel.train

    def interrupted(*args, **kwargs):
        for epoch, loss, n_masked in train(*args, **kwargs):
            if epoch == 3:
                raise KeyboardInterrupt
            yield epoch, loss, n_masked

    monkeypatch.setattr(MaskedLanguageModel, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(str(tiny_encoder), [corpus], tmp_path / "encoder", max_epochs=5)
    assert AutoModel.from_pretrained(tmp_path / "encoder").config.hidden_size == 32


def test_output_that_cannot_be_written(tiny_encoder, corpus, tmp_path, monkeypatch):
    """It is found out before the work begins."""
    monkeypatch.setattr("spacy_relext.cli.pretrain.MaskedLanguageModel.train", None)
    result = run(tiny_encoder, corpus, "--output", corpus / "encoder")
    assert result.exit_code == 1 and "Not a directory" in result.output
    assert "No encoder pretrained" in result.output


def test_full_disk(tiny_encoder, corpus, tmp_path, small_disk):
    output = tmp_path / "encoder"
    with small_disk(20_000):
        result = run(tiny_encoder, corpus, "--output", output, "--max-epochs", 1)
    assert result.exit_code == 1, result.output
    told = " ".join(result.output.split())
    assert f"{output} can't be written: " in told and "File too large" in told


def test_the_seed_decides(tiny_encoder, corpus, tmp_path):
    def losses(seed):
        output = tmp_path / "encoder"
        options = {"max_epochs": 2, "seed": seed, "overwrite": True}
        return pretrain(str(tiny_encoder), [corpus], output, **options)

    first = losses(0)
    assert losses(0) == first != losses(1)


def test_loss_is_that_of_the_words_that_were_masked(tiny_encoder, tmp_path):
    """Most epochs of a few words mask some, others none."""
    texts = tmp_path / "few.txt"
    texts.write_text("ab\n")
    options = {"lines": True, "batch_size": 4, "learn_rate": 1e-9}
    losses = pretrain(tiny_encoder, [texts], tmp_path / "out", max_epochs=30, **options)
    known = [loss for loss in losses if not math.isnan(loss)]
    assert 0 < len(known) < 30
    chance = math.log(len(AutoTokenizer.from_pretrained(tiny_encoder)))
    assert known == pytest.approx([chance] * len(known), rel=0.1)
