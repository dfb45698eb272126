"""Averages of the weights, those of the encoder included."""

import warnings
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Tuple

from spacy.language import Language
from spacy.util import registry
from thinc.api import Model, PyTorchShim, xp2torch
from thinc.types import FloatsXd

NAME = "spacy-relext.average_encoder.v1"

# By the numbers of models and the names of their parameters, as an optimizer keeps them.
Averages = Dict[Tuple[int, str], FloatsXd]


@registry.callbacks("spacy-relext.average_encoder.v1")
def create_average_encoder() -> Callable[[Language], Language]:
    """Have a transformer take part in the averages of the optimizer. For
    `[initialize.after_init]`, with

        [training.optimizer]
        use_averages = true

    An optimizer of Thinc then keeps a moving average of each weight, with which spaCy
    scores and saves the pipeline. It keeps those of torch modules too, but looks for them
    under other names, and puts averages of the head together with the last weights of the
    encoder. This lets them be found.

    An average is worth more where the learning rate does not fall to 0, so that there is
    something to average; over how many steps it goes, see `average_power` of
    `spacy-relext.layerwise_adam.v1`.

    It is a matter of training alone, and not saved with the pipeline. Memory: the weights
    once more.

    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): From the callback: where no component has a torch module.
    """
    return average_encoder


def average_encoder(nlp: Language) -> Language:
    """The callback behind `spacy-relext.average_encoder.v1`.

    nlp (Language): The pipeline, initialized.
    RETURNS (Language): The same.
    RAISES (ValueError): Where no component has a torch module.
    """
    shims = [shim for _, pipe in nlp.components for shim in _get_shims(pipe)]
    if not shims:
        raise ValueError(
            f"{NAME}: no component has a torch module, as transformers have, among: "
            f"{', '.join(nlp.component_names)}. Thinc's averages do without it."
        )
    if not nlp.config.interpolate()["training"]["optimizer"].get("use_averages"):
        warnings.warn(
            f"{NAME}: use_averages is not true in [training.optimizer], so that there are "
            "no averages"
        )
    for shim in shims:
        shim.use_params = TorchAverages(shim)
    return nlp


class TorchAverages:
    """What takes the place of `use_params` of a shim."""

    def __init__(self, shim: PyTorchShim) -> None:
        """
        shim (PyTorchShim): The shim.
        """
        self._shim = shim

    @contextmanager
    def __call__(self, params: Averages) -> Iterator[None]:
        """Have the module use other weights for a while.

        params (Dict[Tuple[int, str], FloatsXd]): The weights; of those that the module has
            and that are not among them, it uses its own.
        """
        own: List[Tuple[Any, Any]] = []
        for name, weight in self._shim._model.named_parameters():
            key = self._shim.id, name
            if key in params:
                own.append((weight, weight.data))
                weight.data = xp2torch(params[key], device=weight.device)
        try:
            yield
        finally:
            for weight, data in own:
                weight.data = data


def _get_shims(pipe: Any) -> List[PyTorchShim]:
    model = getattr(pipe, "model", None)
    nodes = model.walk() if isinstance(model, Model) else []
    return [
        shim for node in nodes for shim in node.shims if isinstance(shim, PyTorchShim)
    ]
