"""Pretrained models of each common architecture, loaded from a folder as real ones are."""

import string

import numpy
import pytest
import spacy
import torch
from tokenizers import ByteLevelBPETokenizer, Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing
from transformers import (
    AlbertConfig,
    AlbertTokenizerFast,
    AutoModel,
    BertConfig,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertTokenizerFast,
    ElectraConfig,
    ElectraTokenizerFast,
    GPT2Config,
    GPT2TokenizerFast,
    RobertaConfig,
    RobertaTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaTokenizerFast,
)

from spacy_relext.transfer.frozen import create_frozen_encoder
from spacy_relext.transfer.optimizers import create_layerwise_adam, get_layer
from spacy_relext.transfer.pretraining import NO_TARGET, MaskedLanguageModel
from spacy_relext.transfer.unfreezing import create_gradual_unfreezing

from .test_extractor import make_examples
from .test_transformer import encoder_weights, make_nlp
from .transfer.test_optimizers import update_pipeline

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 160,
}


def make_word_pieces(path, tokenizer_class):
    letters = [c for c in string.printable if not c.isspace()]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    vocab.extend(f"##{letter}" for letter in letters)
    (path / "vocab.txt").write_text("\n".join(vocab), encoding="utf8")
    return tokenizer_class(str(path / "vocab.txt"))


def make_byte_pairs(path, tokenizer_class):
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator([], vocab_size=300, special_tokens=special)
    tokenizer.save_model(str(path))
    return tokenizer_class(str(path / "vocab.json"), str(path / "merges.txt"))


def make_unigrams(path, tokenizer_class):
    is_albert = tokenizer_class is AlbertTokenizerFast
    first, last = ("[CLS]", "[SEP]") if is_albert else ("<s>", "</s>")
    special = [first, "<pad>", last, "<unk>", "<mask>"]
    pieces = [(piece, 0.0) for piece in special]
    pieces += [(c, -5.0) for c in ["▁", *string.ascii_letters, *string.punctuation]]
    tokenizer = Tokenizer(Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, 0), (last, 2)]
    )
    # spacy-transformers wants the file of the slow tokenizer too, and does not read it.
    (path / tokenizer_class.vocab_files_names["vocab_file"]).touch()
    return tokenizer_class(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )


ENCODERS = {
    "bert": (BertConfig, SIZES, make_word_pieces, BertTokenizerFast),
    "electra": (ElectraConfig, SIZES, make_word_pieces, ElectraTokenizerFast),
    "distilbert": (
        DistilBertConfig,
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
        make_word_pieces,
        DistilBertTokenizerFast,
    ),
    "roberta": (RobertaConfig, SIZES, make_byte_pairs, RobertaTokenizerFast),
    "xlm-roberta": (XLMRobertaConfig, SIZES, make_unigrams, XLMRobertaTokenizerFast),
    "albert": (AlbertConfig, SIZES, make_unigrams, AlbertTokenizerFast),
    "gpt2": (
        GPT2Config,
        {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 160},
        make_byte_pairs,
        GPT2TokenizerFast,
    ),
}


@pytest.fixture(scope="module", params=ENCODERS)
def encoder(request, tmp_path_factory):
    """A folder as the hub has it. RETURNS (Tuple[str, Path]): Architecture and folder."""
    config_class, sizes, make_tokenizer, tokenizer_class = ENCODERS[request.param]
    path = tmp_path_factory.mktemp(request.param)
    tokenizer = make_tokenizer(path, tokenizer_class)
    tokenizer.save_pretrained(path)
    config = config_class(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **sizes
    )
    AutoModel.from_config(config).save_pretrained(path)
    return request.param, path


def make_pipeline(encoder):
    name, path = encoder
    options = {"transformer_config": {}}
    if name == "gpt2":
        # What has no token to pad with needs one.
        options["tokenizer_config"] = {"use_fast": True, "pad_token": "<|endoftext|>"}
    return make_nlp(path, **options)


def init(nlp):
    """The weights of a head's output are zeros at first, which is all that an encoder
    would learn of the first update."""
    optimizer = nlp.initialize(lambda: make_examples(nlp))
    optimizer.learn_rate = 0.001
    update_pipeline(nlp, optimizer)
    return optimizer


def changed(before, after):
    return {name for name in before if not numpy.array_equal(before[name], after[name])}


def get_scores(nlp):
    docs = [eg.predicted for eg in make_examples(nlp)]
    transformer = nlp.get_pipe("transformer")
    transformer.set_annotations(docs, transformer.predict(docs))
    return nlp.get_pipe("relation_extractor").predict(docs)[1]


def test_trains_saves_and_loads(encoder, tmp_path):
    nlp = make_pipeline(encoder)
    optimizer = init(nlp)
    before = encoder_weights(nlp)
    assert update_pipeline(nlp, optimizer)["relation_extractor"] > 0
    after = encoder_weights(nlp)
    assert {-1, 0} <= {get_layer(name) for name in changed(before, after)}
    nlp.to_disk(tmp_path)
    scores = get_scores(nlp)
    assert scores.size
    numpy.testing.assert_allclose(get_scores(spacy.load(tmp_path)), scores, atol=1e-6)


def test_layers_learn_at_their_own_rates(encoder):
    nlp = make_pipeline(encoder)
    init(nlp)
    optimizer = create_layerwise_adam(0.001, layer_decay=0.1, use_averages=False)
    # The layers are counted in the first update.
    update_pipeline(nlp, optimizer)
    before = encoder_weights(nlp)
    update_pipeline(nlp, optimizer)
    after = encoder_weights(nlp)
    steps = {}
    for name in changed(before, after):
        layer = get_layer(name)
        step = abs(after[name] - before[name]).max()
        steps[layer] = max(step, steps.get(layer, 0.0))
    # What is above the layers learns as the topmost.
    learnt = [steps[layer] for layer in sorted(set(steps) - {None})]
    assert len(learnt) >= 2
    for lower, upper in zip(learnt, learnt[1:]):
        assert lower < upper / 2


def test_unfreezes_from_the_top(encoder):
    nlp = make_pipeline(encoder)
    optimizer = init(nlp)
    unfreeze = create_gradual_unfreezing(every=1)
    learnt = []
    for step in range(4):
        unfreeze(nlp, {"step": step, "epoch": 0})
        before = encoder_weights(nlp)
        update_pipeline(nlp, optimizer)
        learnt.append(changed(before, encoder_weights(nlp)))
    assert learnt[0] == set()
    assert learnt[1] and learnt[1] < learnt[3]
    assert {get_layer(name) for name in learnt[1]}.isdisjoint({-1})
    assert -1 in {get_layer(name) for name in learnt[3]}


def test_frozen_encoder_stays_as_it_is(encoder):
    nlp = make_pipeline(encoder)
    create_frozen_encoder("transformer")(nlp)
    with nlp.select_pipes(disable=["transformer"]):
        optimizer = nlp.initialize(lambda: make_examples(nlp))
    before = encoder_weights(nlp)
    scores = get_scores(nlp)
    for _ in range(2):
        nlp.update(
            make_examples(nlp),
            sgd=optimizer,
            exclude=["transformer"],
            annotates=["transformer"],
        )
    assert not changed(before, encoder_weights(nlp))
    assert not numpy.array_equal(get_scores(nlp), scores)


def test_is_pretrained_further(encoder, tmp_path):
    """By the loss that PyTorch computes from scores of all words, where few are masked."""
    name, path = encoder
    if name == "gpt2":
        with pytest.raises(ValueError, match="has no token for what is masked"):
            MaskedLanguageModel(path)
        return
    model = MaskedLanguageModel(path)
    windows = model.cut(["ab cd ef gh ij kl mn op"] * 4, window=32)
    model.model.eval()
    torch.manual_seed(1)
    loss, n_masked = model._get_loss(windows)
    torch.manual_seed(1)
    batch = model._collate([{"input_ids": window} for window in windows])
    assert n_masked == int((batch["labels"] != NO_TARGET).sum())
    assert loss.item() == pytest.approx(model.model(**batch).loss.item(), rel=1e-5)
    before = AutoModel.from_pretrained(path).state_dict()
    list(model.train(windows, max_epochs=2))
    model.to_disk(tmp_path)
    after = AutoModel.from_pretrained(tmp_path).state_dict()
    assert set(after) == set(before)
    differ = [key for key in before if not torch.equal(before[key], after[key])]
    assert len(differ) > len(before) / 2
    make_pipeline((name, tmp_path)).initialize(lambda: make_examples(spacy.blank("en")))


def test_no_window_is_longer_than_the_encoder_reads(encoder):
    """Those of RoBERTa's kind read fewer word pieces than they have positions."""
    name, path = encoder
    if name == "gpt2":
        return
    model = MaskedLanguageModel(path)
    n_positions = int(model._count_positions())
    is_roberta = name in ("roberta", "xlm-roberta")
    assert n_positions == model.model.config.max_position_embeddings - 2 * is_roberta
    (longest, *_) = model.cut(["ab " * 2 * n_positions], window=n_positions)
    assert len(longest) == n_positions and model._get_loss([longest])[0] > 0
    with pytest.raises(ValueError, match=f"reads at most {n_positions} word pieces"):
        model.cut(["ab"], window=n_positions + 1)
