"""Pretrain an encoder further, on texts like those of the task, before it is trained.

Masked language modelling (Devlin et al. 2019, "BERT") on the texts of the task, or of its
domain, helps most where few of them are annotated (Gururangan et al. 2020, "Don't Stop
Pretraining"). spaCy's own `pretrain` is for a tok2vec.
"""

import math
import random
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Sequence, Tuple, Union

import torch
from spacy.training.batchers import minibatch_by_padded_size
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    get_linear_schedule_with_warmup,
)
from transformers.utils import logging

# Share of the word pieces that are to be guessed, as in BERT.
MASKED = 0.15
WARMUP = 0.1
GRAD_CLIP = 1.0
WEIGHT_DECAY = 0.01
# What the rate is multiplied by for weights that the checkpoint lacks: many encoders come
# without the output layer that they were pretrained with.
NEW_FACTOR = 5.0
# What PyTorch's loss leaves out.
NO_TARGET = -100

# The ids of the word pieces of a piece of text.
Window = List[int]


class MaskedLanguageModel:
    """An encoder that guesses word pieces from those around them."""

    def __init__(
        self, encoder: Union[str, Path], device: Union[str, torch.device] = "cpu"
    ) -> None:
        """Load the encoder.

        encoder (Union[str, Path]): Folder or name of the model, as Hugging Face's.
        device (Union[str, torch.device]): Where it is trained.
        RAISES (ValueError): Where it has no mask, as encoders of one direction, or files
            of it are damaged or do not fit each other.
        RAISES (OSError): Where there is none.
        """
        self.source = str(encoder)
        with _loading(self.source):
            self.tokenizer = AutoTokenizer.from_pretrained(self.source)
        if self.tokenizer.mask_token is None:
            raise ValueError(f"{self.source} has no token for what is masked")
        with _loading(self.source):
            self.model, found = AutoModelForMaskedLM.from_pretrained(
                self.source, output_loading_info=True
            )
        n_pieces = len(self.tokenizer)
        n_known = self.model.get_input_embeddings().num_embeddings
        if n_pieces > n_known:
            raise ValueError(
                f"The tokenizer of {self.source} has {n_pieces} word pieces, the encoder "
                f"embeddings for {n_known}: are they of the same model?"
            )
        self.model.to(device)
        self._new = set(found["missing_keys"])
        self._collate = DataCollatorForLanguageModeling(
            self.tokenizer, mlm_probability=MASKED
        )

    def cut(self, texts: Iterable[str], window: int = 256) -> List[Window]:
        """Cut texts into windows that the encoder can read.

        texts (Iterable[str]): The texts.
        window (int): Length of a window at the most, in word pieces.
        RETURNS (List[List[int]]): The windows, those without any word left out.
        RAISES (ValueError): Where a window has no room for a word piece, or is above
            what the encoder reads.
        """
        tokenizer = self.tokenizer
        # Not all tokenizers know it.
        longest = min(self._count_positions(), tokenizer.model_max_length)
        if window > longest:
            raise ValueError(
                f"{self.source} reads at most {longest} word pieces, found: {window}"
            )
        before, after = self._get_special_pieces()
        n_pieces = window - len(before) - len(after)
        if n_pieces < 1:
            raise ValueError(f"A window of {window} word pieces has no room for any")
        windows = []
        for text in texts:
            # Not verbose, or it would warn of texts that are too long, which are cut here.
            pieces = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            windows.extend(
                before + pieces[i : i + n_pieces] + after
                for i in range(0, len(pieces), n_pieces)
            )
        return windows

    def count_steps(
        self, windows: Sequence[Window], max_epochs: int, batch_size: int
    ) -> int:
        """Number of batches of a training; how many a shuffled epoch has differs little.

        windows (Sequence[List[int]]): What is learnt from.
        max_epochs (int): Number of passes.
        batch_size (int): Size of a batch, in word pieces with padding.
        RETURNS (int): The number.
        """
        return max_epochs * len(list(_batch(windows, batch_size)))

    def train(
        self,
        windows: Sequence[Window],
        *,
        max_epochs: int = 20,
        batch_size: int = 1000,
        learn_rate: float = 1e-4,
    ) -> Iterator[Tuple[int, float, int]]:
        """Learn from windows of text. The rate rises for a tenth of the steps, and falls
        to 0 from there.

        windows (Sequence[List[int]]): What is learnt from.
        max_epochs (int): Number of passes.
        batch_size (int): Size of a batch, in word pieces with padding.
        learn_rate (float): The highest learning rate.
        YIELDS (Tuple[int, float, int]): After each step the epoch, from 1, the loss: the
            cross-entropy of a masked word piece, in nats, and how many were masked.
        """
        n_steps = self.count_steps(windows, max_epochs, batch_size)
        optimizer = torch.optim.AdamW(self._groups(learn_rate), weight_decay=WEIGHT_DECAY)
        # The first step of a warm-up has a rate of 0, and must not be the only one.
        n_warmup = min(ceil(WARMUP * n_steps), n_steps - 1)
        schedule = get_linear_schedule_with_warmup(optimizer, n_warmup, n_steps)
        self.model.train()
        for epoch in range(1, max_epochs + 1):
            for batch in _batch(random.sample(windows, len(windows)), batch_size):
                loss, n_masked = self._get_loss(batch)
                loss.backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), GRAD_CLIP)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                yield epoch, loss.item(), n_masked

    def to_disk(self, path: Path) -> None:
        """Save the encoder, without the layer that guesses, and its tokenizer.

        path (Path): A folder, for `name` of a transformer's config.
        RAISES (OSError): Where it can't be written.
        """
        with _loading(self.source):
            encoder = AutoModel.from_pretrained(self.source)
        # What the guessing has no use for, as BERT's pooler, stays as it was.
        encoder.load_state_dict(self.model.base_model.state_dict(), strict=False)
        try:
            encoder.save_pretrained(path)
            self.tokenizer.save_pretrained(path)
            vocab_file = getattr(self.tokenizer, "vocab_file", None)
            if vocab_file and Path(vocab_file).is_file():
                # spacy-transformers opens it, and without sentencepiece it is not saved.
                self.tokenizer.save_vocabulary(str(path))
        # The libraries that write have errors of their own.
        except Exception as error:
            raise OSError(f"{path} can't be written: {error}") from error

    def _count_positions(self) -> float:
        # Not all configs have it.
        count = getattr(self.model.config, "max_position_embeddings", math.inf)
        for name, layer in self.model.base_model.named_modules():
            if name.endswith("position_embeddings") and isinstance(layer, nn.Embedding):
                # RoBERTa's positions begin behind that of padding.
                if layer.padding_idx is not None:
                    count = layer.num_embeddings - layer.padding_idx - 1
        return count

    def _get_special_pieces(self) -> Tuple[Window, Window]:
        """What the tokenizer puts before and after a text, as for a pipeline. Not all
        tokenizers tell, so it is taken from what is put around a mask.

        RETURNS (Tuple[List[int], List[int]]): The pieces before and after.
        """
        tokenizer = self.tokenizer
        whole, inner = (
            tokenizer(tokenizer.mask_token, add_special_tokens=add)["input_ids"]
            for add in (True, False)
        )
        mask = tokenizer.mask_token_id
        start = whole.index(mask) - inner.index(mask)
        return whole[:start], whole[start + len(inner) :]

    def _groups(self, learn_rate: float) -> List[dict]:
        new, old = [], []
        for name, weights in self.model.named_parameters():
            (new if name in self._new else old).append(weights)
        groups = [(old, learn_rate), (new, NEW_FACTOR * learn_rate)]
        return [{"params": params, "lr": rate} for params, rate in groups if params]

    def _get_loss(self, windows: Sequence[Window]) -> Tuple[Tensor, int]:
        device = self.model.device
        batch = self._collate([{"input_ids": window} for window in windows]).to(device)
        targets = batch.pop("labels")
        masked = targets != NO_TARGET

        def select(encoder: nn.Module, inputs: Any, output: Any) -> Any:
            output.last_hidden_state = output.last_hidden_state[masked]
            return output

        # Most of the time would go into scores of the whole vocabulary for word pieces
        # that are not to be guessed.
        hook = self.model.base_model.register_forward_hook(select)
        try:
            with torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda"):
                logits = self.model(**batch).logits
        finally:
            hook.remove()
        # The sum of nothing is 0, its mean is no number.
        loss = nn.functional.cross_entropy(logits.float(), targets[masked], reduction="sum")
        n_masked = int(masked.sum())
        return loss / max(1, n_masked), n_masked


def _batch(windows: Sequence[Window], batch_size: int) -> Iterator[List[Window]]:
    return minibatch_by_padded_size(windows, batch_size, get_length=len)


@contextmanager
def _loading(source: str) -> Iterator[None]:
    """Without the warning that some weights are new, or not used, and with the encoder's
    name in every error."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except (OSError, ValueError):
        # They have it.
        raise
    except Exception as error:
        # One of a library that is lacking, but not needed, may hide what is the matter.
        first: BaseException = error
        while first.__context__ is not None:
            first = first.__context__
        raise ValueError(
            f"{source} can't be loaded: {first}. Are all files of the encoder and its "
            "tokenizer there, and whole?"
        ) from error
    finally:
        logging.set_verbosity(before)
