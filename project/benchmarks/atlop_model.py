"""The network of ATLOP, in plain PyTorch.

Zhou et al. 2021, "Document-Level Relation Extraction with Adaptive Thresholding and
Localized Context Pooling": a marker in the text around each mention, logsumexp over the
markers of an entity, the encoder's own attention for a context of each pair (localized
context pooling), group bilinear classification, adaptive thresholding.
"""

from typing import Any, Dict, List, NamedTuple, Tuple

import numpy
import torch
from spacy.tokens import Doc
from torch import Tensor, nn

from spacy_relext import Pairs

MARKER = "*"
# Pieces of a window without the two special ones, and what two windows share.
WINDOW, OVERLAP = 510, 128
# Of attention that is learnt: as many and as wide as those of MiniLM.
N_HEADS, KEY_WIDTH = 12, 32


class Encoded(NamedTuple):
    """A document for the model.

    pieces (List[int]): Its pieces, with a marker before and after each mention.
    entities (List[List[int]]): For each entity the places of its opening markers.
    pairs (Tensor): Indices of head and tail, (pairs, 2).
    """

    pieces: List[int]
    entities: List[List[int]]
    pairs: Tensor


class Atlop(nn.Module):
    """Encoder and head; with `learnt_attention` what an entity looks at is learnt by the
    head, in place of the encoder's own attention.
    """

    def __init__(
        self,
        encoder: nn.Module,
        n_classes: int,
        width: int,
        group_width: int,
        learnt_attention: bool = False,
    ) -> None:
        super().__init__()
        size = encoder.config.hidden_size
        self.encoder = encoder
        self.attention = LearntAttention(size) if learnt_attention else None
        self.head = nn.Linear(2 * size, width)
        self.tail = nn.Linear(2 * size, width)
        self.bilinear = nn.Linear(width * group_width, n_classes)
        self.group_width = group_width

    def forward(self, doc: Encoded, special: Tuple[int, int]) -> Tensor:
        """Scores of the classes for each pair.

        doc (Encoded): The document.
        special (Tuple[int, int]): Ids of the pieces that a window begins and ends with.
        RETURNS (Tensor): Logits, (pairs, classes); class 0 is the threshold.
        """
        states, attention = self.encode(doc.pieces, special)
        mentions = doc.entities
        entities = torch.stack([torch.logsumexp(states[x], dim=0) for x in mentions])
        if self.attention is None:
            looks = torch.stack([attention[:, x].mean(dim=1) for x in mentions])
        else:
            looks = self.attention(entities, states)
        heads, tails = doc.pairs.T
        shared = (looks[heads] * looks[tails]).mean(dim=1)
        context = (shared / (shared.sum(dim=1, keepdim=True) + 1e-5)) @ states
        head = torch.tanh(self.head(torch.cat([entities[heads], context], dim=1)))
        tail = torch.tanh(self.tail(torch.cat([entities[tails], context], dim=1)))
        groups = (x.reshape(len(x), -1, self.group_width) for x in (head, tail))
        products = torch.einsum("pgi,pgj->pgij", *groups)
        return self.bilinear(products.flatten(1))

    def encode(self, pieces: List[int], special: Tuple[int, int]) -> Tuple[Tensor, Tensor]:
        """States and attention of a document of any length, the mean over windows that
        overlap.

        pieces (List[int]): Its pieces.
        special (Tuple[int, int]): As of `forward`.
        RETURNS (Tuple[Tensor, Tensor]): States, (pieces, width); weights of the last
            layer, (heads, pieces, pieces).
        """
        n = len(pieces)
        starts = range(0, max(1, n - OVERLAP), WINDOW - OVERLAP)
        first, last = special
        states = count = attention = 0.0
        for start in starts:
            end = min(start + WINDOW, n)
            ids = torch.tensor([[first, *pieces[start:end], last]])
            found = self.encoder(ids, output_attentions=True)
            around = (start, n - end)
            states = states + nn.functional.pad(
                found.last_hidden_state[0, 1:-1], (0, 0, *around)
            )
            attention = attention + nn.functional.pad(
                found.attentions[-1][0, :, 1:-1, 1:-1], (*around, *around)
            )
            count = count + nn.functional.pad(torch.ones(end - start), around)
        states = states / count[:, None]
        return states, attention / (attention.sum(dim=2, keepdim=True) + 1e-10)


class LearntAttention(nn.Module):
    """What an entity looks at, by queries and keys."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, N_HEADS * KEY_WIDTH)
        self.key = nn.Linear(size, N_HEADS * KEY_WIDTH)

    def forward(self, entities: Tensor, states: Tensor) -> Tensor:
        """Weights of the pieces for each entity.

        entities (Tensor): Their vectors, (entities, size).
        states (Tensor): The pieces, (pieces, size).
        RETURNS (Tensor): Weights, (entities, heads, pieces), that sum up to one.
        """
        query = self.query(entities).reshape(-1, N_HEADS, KEY_WIDTH)
        key = self.key(states).reshape(-1, N_HEADS, KEY_WIDTH)
        logits = torch.einsum("ehk,phk->ehp", query, key) * KEY_WIDTH**-0.5
        return logits.softmax(dim=2)


def adaptive_threshold_loss(logits: Tensor, truths: Tensor) -> Tensor:
    """Equations 6 to 8 of the paper, the mean over the pairs.

    logits (Tensor): (pairs, classes), class 0 the threshold.
    truths (Tensor): (pairs, labels).
    RETURNS (Tensor): The loss.
    """
    true = nn.functional.pad(truths, (1, 0))
    threshold = torch.zeros_like(true)
    threshold[:, 0] = 1
    above = logits - (1 - true - threshold) * 1e30
    below = logits - true * 1e30
    loss = -(nn.functional.log_softmax(above, dim=1) * true).sum(dim=1)
    loss = loss - (nn.functional.log_softmax(below, dim=1) * threshold).sum(dim=1)
    return loss.mean()


def encode(tokenizer: Any, doc: Doc, pairs: Pairs) -> Encoded:
    """A document for the model.

    tokenizer (Any): The encoder's tokenizer.
    doc (Doc): The document.
    pairs (Pairs): Its candidate pairs.
    RETURNS (Encoded): The document.
    """
    marker = tokenizer.convert_tokens_to_ids(MARKER)
    mentions = list(zip(pairs.start.tolist(), pairs.end.tolist()))
    opens = {start for start, _ in mentions}
    closes = {end for _, end in mentions}
    pieces: List[int] = []
    place_of: Dict[int, int] = {}
    for token in doc:
        if token.i in closes:
            pieces.append(marker)
        if token.i in opens:
            place_of[token.i] = len(pieces)
            pieces.append(marker)
        pieces.extend(tokenizer(token.text, add_special_tokens=False)["input_ids"])
    if len(doc) in closes:
        pieces.append(marker)
    owner = numpy.repeat(numpy.arange(pairs.n_entities), pairs.n_mentions)
    entities: List[List[int]] = [[] for _ in range(pairs.n_entities)]
    for entity, (start, _) in zip(owner.tolist(), mentions):
        entities[entity].append(place_of[start])
    ends = numpy.stack([pairs.head, pairs.tail], axis=1).astype("int64")
    return Encoded(pieces, entities, torch.from_numpy(ends))
