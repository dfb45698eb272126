"""Learning rates that differ between the head and the layers of the encoder."""

from typing import Dict, Optional, Set, Tuple, cast

from spacy.util import registry
from thinc.api import Optimizer
from thinc.optimizers import ADAM_DEFAULTS, FloatOrSeq
from thinc.types import FloatsXd

NAME = "spacy-relext.layerwise_adam.v1"

# What names of embeddings contain: most encoders, GPT-2, and MPNet's positions, which all
# layers share.
EMBEDDINGS = ("embed", "wte", "wpe", "relative_attention_bias")


@registry.optimizers("spacy-relext.layerwise_adam.v1")
def create_layerwise_adam(
    learn_rate: FloatOrSeq = ADAM_DEFAULTS["learn_rate"],
    *,
    layer_decay: float = 0.95,
    head_factor: float = 5.0,
    L2: FloatOrSeq = ADAM_DEFAULTS["L2"],
    beta1: FloatOrSeq = ADAM_DEFAULTS["beta1"],
    beta2: FloatOrSeq = ADAM_DEFAULTS["beta2"],
    eps: FloatOrSeq = ADAM_DEFAULTS["eps"],
    grad_clip: FloatOrSeq = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = cast(bool, ADAM_DEFAULTS["L2_is_weight_decay"]),
    use_averages: bool = False,
    average_power: float = 8.0,
) -> Optimizer:
    """Adam with a smaller learning rate for each layer of a transformer than for
    the one above it: discriminative fine-tuning of Howard & Ruder 2018, "Universal
    Language Model Fine-tuning for Text Classification", section 3.2.

    An encoder is what has torch parameters in numbered layers (`encoder.layer.3.`,
    `h.3.`). What it has above them, such as a pooler, learns as its top layer does;
    its embeddings are one layer below the lowest. Layers that share their weights,
    as those of ALBERT, are one.

    There is no option for the number of layers, as they are counted in the first
    update of an encoder. In that one its weights stay as they are, as they would
    with a learning rate of 0, from which most schedules start anyway.

    learn_rate (FloatOrSeq): The learning rate of the encoder's top layer.
    layer_decay (float): The learning rate of a layer as a fraction of that of the
        layer above it, above 0 and up to 1. By default that of Sun et al. 2019,
        "How to Fine-Tune BERT for Text Classification?".
    head_factor (float): The learning rate of all that is no encoder, as a multiple
        of `learn_rate`.
    L2 (FloatOrSeq): As of Adam.v1, and so are all below.
    beta1 (FloatOrSeq): First-order momentum.
    beta2 (FloatOrSeq): Second-order momentum.
    eps (FloatOrSeq): Epsilon term.
    grad_clip (FloatOrSeq): Largest norm of the gradient of a parameter.
    L2_is_weight_decay (bool): Whether L2 is a weight decay, as in AdamW.
    use_averages (bool): Whether to keep moving averages of the weights, which are scored
        and saved in their place. With a torch encoder only where
        `spacy-relext.average_encoder.v1` is there as well, or averages of the rest alone
        would be put together with the last weights of that.
    average_power (float): The weights of step t have t to this power as their weight in
        the average, whose mean age is so 1 / (average_power + 2) of all steps: about a
        tenth by default, as with Adam.v1, and a quarter with 2.0 (Shamir and Zhang 2013,
        "Stochastic Gradient Descent for Non-smooth Optimization", section 3).
    RETURNS (Optimizer): The optimizer.
    RAISES (ValueError): Where `layer_decay`, `head_factor` or `average_power` is out of
        its range.
    """
    return LayerwiseAdam(
        learn_rate,
        layer_decay=layer_decay,
        head_factor=head_factor,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
        average_power=average_power,
    )


class LayerwiseAdam(Optimizer):
    """The optimizer behind `spacy-relext.layerwise_adam.v1`."""

    layer_decay: float
    head_factor: float
    average_power: float
    _top: Dict[int, int]
    _counted: Set[int]

    __slots__ = ["layer_decay", "head_factor", "average_power", "_top", "_counted"]

    def __init__(
        self,
        learn_rate: FloatOrSeq,
        *,
        layer_decay: float,
        head_factor: float,
        average_power: float = 8.0,
        **options: FloatOrSeq,
    ) -> None:
        """
        learn_rate (FloatOrSeq): The learning rate of the encoder's top layer.
        layer_decay (float): The factor from a layer to the one below it.
        head_factor (float): The factor of all that is no encoder.
        average_power (float): How much later weights count more in the average.
        **options (FloatOrSeq): The options of thinc's `Optimizer`.
        """
        if not 0 < layer_decay <= 1:
            raise ValueError(
                f"{NAME}: layer_decay must be above 0 and at most 1, found: {layer_decay}"
            )
        if not head_factor > 0:
            raise ValueError(f"{NAME}: head_factor must be above 0, found: {head_factor}")
        if not average_power >= 0:
            raise ValueError(
                f"{NAME}: average_power must be at least 0, found: {average_power}"
            )
        super().__init__(learn_rate, **options)
        self.layer_decay = layer_decay
        self.head_factor = head_factor
        self.average_power = average_power
        self._top = {}
        self._counted = set()

    def __call__(
        self,
        key: Tuple[int, str],
        weights: FloatsXd,
        gradient: FloatsXd,
        *,
        lr_scale: float = 1.0,
    ) -> Tuple[FloatsXd, FloatsXd]:
        lr_scale *= self._get_factor(key)
        # Thinc's own average is of a fixed power.
        averages, self.averages = self.averages, None
        try:
            weights, gradient = super().__call__(key, weights, gradient, lr_scale=lr_scale)
        finally:
            self.averages = averages
        if averages is not None:
            power = self.average_power
            share = (power + 1) / (max(1, self.nr_update[key]) + power)
            if key not in averages:
                averages[key] = weights.copy()
            averages[key] += share * (weights - averages[key])
        return weights, gradient

    def step_schedules(self) -> None:
        super().step_schedules()
        self._counted.update(module for module, name in self.nr_update if "." in name)

    def _get_factor(self, key: Tuple[int, str]) -> float:
        module, name = key
        # Torch names a parameter by its path. Without one it is thinc's, and its
        # model may have the same number as a torch module.
        if "." not in name:
            return self.head_factor
        layer = get_layer(name)
        if layer is not None:
            self._top[module] = max(layer, self._top.get(module, -1))
        # The parameters come one by one, the lowest first: all were seen when one
        # comes again, or at the end of the step, for those who tell of it.
        if key in self.nr_update:
            self._counted.add(module)
        if module not in self._counted:
            return 0.0
        top = self._top.get(module, -1)
        if top < 0:
            return self.head_factor
        return self.layer_decay ** (0 if layer is None else top - layer)


def get_layer(name: str) -> Optional[int]:
    """The layer of an encoder that a parameter belongs to.

    name (str): The name of the parameter in the torch module.
    RETURNS (Optional[int]): The number of the layer, from 0; -1 for embeddings; None
        for what comes above the layers.
    """
    for i, part in enumerate(name.split(".")):
        if any(piece in part for piece in EMBEDDINGS):
            return -1
        # Modules of a torch.nn.Sequential have numbers too, but in the first place.
        if part.isdecimal() and i > 0:
            return int(part)
    return None
