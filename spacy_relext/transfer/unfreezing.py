"""Layers of the encoder that begin to learn one after the other."""

from typing import Any, Callable, Dict, List, MutableMapping, Optional, Set, Tuple
from weakref import WeakKeyDictionary

from spacy.language import Language
from spacy.util import registry
from spacy_transformers.layers import TransformerModel
from thinc.api import Model
from torch import is_grad_enabled
from torch.nn import Module
from transformers.file_utils import ModelOutput

from .optimizers import get_layer

NAME = "spacy-relext.gradual_unfreezing.v1"

# The parameters of an encoder that were frozen here. Only these may learn again: it
# can have others that must not, such as sinusoidal positions.
FROZEN: MutableMapping[Module, Set[str]] = WeakKeyDictionary()


@registry.callbacks("spacy-relext.gradual_unfreezing.v1")
def create_gradual_unfreezing(
    every: int, start: Optional[int] = None, component: str = "transformer"
) -> Callable[[Language, Dict[str, Any]], None]:
    """Train the head alone at first, then also the top layer of the encoder, then
    the one below it, and at last its embeddings. For `[training.before_update]`.

    Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text
    Classification", section 3.3, but in steps in place of epochs. What an encoder has
    above its layers, such as a pooler, begins with the top layer. Layers that share
    their weights, as those of ALBERT, are one.

    Frozen layers cost no gradient. What is frozen depends on the step alone, and is
    not saved with the pipeline. In the memory of the process, layers whose turn did
    not come stay frozen after the training.

    every (int): Number of steps after which the next layer begins to learn.
    start (Optional[int]): The step, from 0, at which the top layer begins to learn;
        None for `every`.
    component (str): The name of the transformer, or of the component that it is a
        part of.
    RETURNS (Callable[[Language, Dict[str, Any]], None]): The callback.
    RAISES (ValueError): Where `every` is below 1 or `start` below 0; from the callback
        where the component has no transformer with numbered layers, or is one of
        `frozen_components`, which never learn.
    RAISES (KeyError): From the callback: where the component is missing.
    """
    if every < 1:
        raise ValueError(f"{NAME}: every must be at least 1, found: {every}")
    if start is not None and start < 0:
        raise ValueError(f"{NAME}: start must be at least 0, found: {start}")
    first = every if start is None else start

    def unfreeze(nlp: Language, info: Dict[str, Any]) -> None:
        n_learning = max(0, 1 + (info["step"] - first) // every)
        for encoder in _get_encoders(nlp, component):
            _freeze_lower(encoder, component, n_learning)

    return unfreeze


def _get_encoders(nlp: Language, component: str) -> List[Module]:
    model = getattr(nlp.get_pipe(component), "model", None)
    if component in nlp.config.interpolate()["training"]["frozen_components"]:
        raise ValueError(
            f"{NAME}: component must not be one of [training] frozen_components, which "
            f"never learn, found: {component!r}"
        )
    nodes = model.walk() if isinstance(model, Model) else []
    encoders = [node.transformer for node in nodes if isinstance(node, TransformerModel)]
    if not encoders or None in encoders:
        raise ValueError(
            f"{NAME}: component must have a spacy-transformers.TransformerModel that is "
            f"initialized, found: {component!r}"
        )
    return encoders


def _freeze_lower(encoder: Module, component: str, n_learning: int) -> None:
    """Let only the uppermost layers learn.

    encoder (Module): The transformer.
    component (str): The name of its component, for messages.
    n_learning (int): The number of layers that learn, with the embeddings as one.
    """
    weights = dict(encoder.named_parameters())
    layers = {name: get_layer(name) for name in weights}
    top = max((layer for layer in layers.values() if layer is not None), default=-1)
    if top < 0:
        raise ValueError(
            f"{NAME}: component must have a transformer with numbered layers, but in "
            f"{component!r} a {type(encoder).__name__} has none"
        )
    if encoder not in FROZEN:
        FROZEN[encoder] = set()
        encoder.register_forward_hook(_accept_gradient)
    frozen = FROZEN[encoder]
    for name, weight in weights.items():
        layer = layers[name]
        depth = 0 if layer is None else top - layer
        if depth < n_learning and name in frozen:
            frozen.remove(name)
            weight.requires_grad_(True)
        elif depth >= n_learning and weight.requires_grad:
            frozen.add(name)
            weight.requires_grad_(False)
            # Even a gradient of zeros would let the momentum of Adam move it.
            weight.grad = None


def _accept_gradient(encoder: Module, args: Tuple, output: ModelOutput) -> None:
    """Where all is frozen, torch would refuse the gradient of the head."""
    if is_grad_enabled() and not output.last_hidden_state.requires_grad:
        output.last_hidden_state.requires_grad_(True)
