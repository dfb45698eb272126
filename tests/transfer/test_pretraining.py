import shutil

import pytest
import spacy
import torch
from spacy.util import fix_random_seed
from transformers import (
    AutoModel,
    BertConfig,
    BertForMaskedLM,
    BertTokenizer,
    BertTokenizerFast,
    PreTrainedTokenizerFast,
)

from spacy_relext.transfer.pretraining import MaskedLanguageModel

# Each word is known from that before it.
TEXTS = ["ab cd ef gh ij kl mn op qr st"] * 40


@pytest.fixture
def encoder(tiny_encoder):
    fix_random_seed(0)
    return MaskedLanguageModel(tiny_encoder)


def learn(model, **options):
    options = {"max_epochs": 20, "batch_size": 200, "learn_rate": 5e-3, **options}
    return list(model.train(model.cut(TEXTS), **options))


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_what_is_masked_is_guessed_from_what_is_around_it(encoder):
    losses = [loss for _, loss, _ in learn(encoder)]
    chance = torch.log(torch.tensor(float(len(encoder.tokenizer))))
    assert losses[0] > 0.8 * chance
    assert sum(losses[-10:]) / 10 < 0.5 * losses[0]


def test_the_words_asked_for_are_not_shown(encoder, monkeypatch):
    """Or there would be nothing to learn: those that are masked, nearly all of them."""
    seen = []
    forward = encoder.model.forward
    monkeypatch.setattr(
        encoder.model, "forward", lambda **batch: seen.append(batch) or forward(**batch)
    )
    windows = encoder.cut(TEXTS)
    list(encoder.train(windows, max_epochs=1, batch_size=100_000))
    (batch,) = seen
    ids, original = batch["input_ids"], torch.tensor(windows)
    share = (ids != original).float().mean()
    assert 0.08 < share < 0.2
    assert (ids[:, 0] == original[:, 0]).all() and (ids[:, -1] == original[:, -1]).all()


def test_saved_encoder_is_read_by_a_pipeline(encoder, tiny_encoder, tmp_path):
    before = weights(AutoModel.from_pretrained(tiny_encoder))
    learn(encoder, max_epochs=1)
    encoder.to_disk(tmp_path)
    after = weights(AutoModel.from_pretrained(tmp_path))
    assert set(before) == set(after)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # Nothing is guessed from BERT's pooler.
    assert changed == {name for name in before if not name.startswith("pooler")}
    for name, value in encoder.model.base_model.state_dict().items():
        assert torch.equal(value, after[name])
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy-transformers.TransformerModel.v3", "name": str(tmp_path)}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    assert nlp("ab cd")._.trf_data.model_output.last_hidden_state.shape[-1] == 32


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("tokenizer.json", b"{", "EOF while parsing"),
        ("model.safetensors", b"xx", "Error while deserializing header"),
        ("vocab.txt", None, "whole?"),
        ("config.json", b"{", "not a valid JSON file"),
    ],
)
def test_a_damaged_encoder_is_named(name, content, reason, tiny_encoder, tmp_path):
    path = shutil.copytree(tiny_encoder, tmp_path / "damaged")
    if content is not None:
        (path / name).write_bytes(content)
    else:
        for file in path.iterdir():
            if file.name not in ("config.json", "model.safetensors"):
                file.unlink()
    with pytest.raises((ValueError, OSError), match="damaged") as found:
        MaskedLanguageModel(path)
    assert reason in str(found.value) and "protobuf" not in str(found.value)


def test_more_word_pieces_than_the_encoder_knows(tiny_encoder, tmp_path):
    config = BertConfig.from_pretrained(tiny_encoder)
    n_pieces = config.vocab_size
    config.vocab_size = 50
    BertForMaskedLM(config).save_pretrained(tmp_path)
    BertTokenizerFast.from_pretrained(tiny_encoder).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"has {n_pieces} word pieces, the encoder .* 50"):
        MaskedLanguageModel(tmp_path)


def test_same_seed_same_weights(tiny_encoder):
    results = []
    for seed in (0, 0, 1):
        fix_random_seed(seed)
        model = MaskedLanguageModel(tiny_encoder)
        results.append([loss for _, loss, _ in learn(model, max_epochs=2)])
    assert results[0] == results[1] != results[2]


def test_a_single_step_learns_too(encoder):
    """In a warm-up it would have a rate of 0."""
    before = weights(encoder.model)
    assert len(list(encoder.train(encoder.cut(TEXTS[:1]), max_epochs=1))) == 1
    after = weights(encoder.model)
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_new_weights_learn_faster_than_those_of_a_checkpoint(tiny_encoder, tmp_path):
    old, new = MaskedLanguageModel(tiny_encoder)._groups(1e-3)
    assert (old["lr"], new["lr"]) == (1e-3, 5e-3)
    # Its output layer and no more: the embeddings, which it shares, are old.
    n_new = sum(weights.numel() for weights in new["params"])
    assert n_new == 32 * 32 + 3 * 32 + len(BertTokenizerFast.from_pretrained(tiny_encoder))
    config = BertConfig.from_pretrained(tiny_encoder)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    BertTokenizerFast.from_pretrained(tiny_encoder).save_pretrained(tmp_path)
    (group,) = MaskedLanguageModel(tmp_path)._groups(1e-3)
    assert group["lr"] == 1e-3


def test_long_texts_are_cut_and_nothing_is_lost(encoder):
    text = " ".join(TEXTS)
    windows = encoder.cut([text, "", "  "], window=12)
    tokenizer = encoder.tokenizer
    assert all(len(window) <= 12 for window in windows)
    assert {window[0] for window in windows} == {tokenizer.cls_token_id}
    inner = [piece for window in windows for piece in window[1:-1]]
    assert inner == tokenizer(text, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    "kind", [BertTokenizerFast, BertTokenizer, PreTrainedTokenizerFast]
)
def test_windows_begin_and_end_as_those_of_a_pipeline(encoder, tiny_encoder, kind):
    """Also with the general kind, which puts nothing around pieces that are cut already."""
    if kind is PreTrainedTokenizerFast:
        known = encoder.tokenizer
        tokenizer = kind(
            tokenizer_object=known.backend_tokenizer, **known.special_tokens_map
        )
        assert tokenizer.build_inputs_with_special_tokens([7]) == [7]
    else:
        tokenizer = kind.from_pretrained(tiny_encoder)
    encoder.tokenizer = tokenizer
    text = "ab cd ef"
    whole = tokenizer(text)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(whole) == ["[CLS]", *text.split(), "[SEP]"]
    assert encoder.cut([text]) == [whole]
    assert encoder.cut([text], window=4) == [whole[:3] + whole[-1:], whole[:1] + whole[3:]]


def test_window_without_room_is_an_error(encoder):
    with pytest.raises(ValueError, match="window of 2 word pieces has no room"):
        encoder.cut(TEXTS, window=2)


def test_window_longer_than_the_encoder_reads_is_an_error(encoder):
    with pytest.raises(ValueError, match="reads at most 256 word pieces, found: 257"):
        encoder.cut(TEXTS, window=257)
    assert encoder.cut([" ".join(TEXTS)], window=256)


def test_nothing_masked_is_no_error(encoder):
    """As happens with a single word."""
    windows = encoder.cut(["ab"] * 20)
    steps = list(encoder.train(windows, max_epochs=1, batch_size=3))
    assert {n_masked > 0 for _, _, n_masked in steps} == {True, False}
    assert all((loss > 0) == (n_masked > 0) and loss < 100 for _, loss, n_masked in steps)
