"""Starting from what another relation extractor learnt with other labels."""

import warnings
from typing import Any, Callable, Iterator, Optional, Tuple, Union

import numpy
from spacy.language import Language
from spacy.util import load_model, logger, registry
from thinc.api import Model, PyTorchShim, to_numpy, torch2xp

from ..extractor import RelationExtractor
from ..objectives import AdaptiveThreshold, MultiLabel, SingleLabel

NAME = "spacy-relext.carry_over.v1"

# Of these objectives it is known that the outputs without a label come first.
OBJECTIVES = (MultiLabel, SingleLabel, AdaptiveThreshold)
# Options of the architecture that may differ: the encoder, which is compared by its
# arrays, and what has no influence on them.
FREE_OPTIONS = ("tok2vec", "block_size", "nO")


@registry.callbacks("spacy-relext.carry_over.v1")
def create_carry_over(
    source: str,
    component: str = "relation_extractor",
    source_component: Optional[str] = None,
) -> Callable[[Language], Language]:
    """Copy what a trained relation extractor learnt, all but its output layer, into
    one that has just been initialised. For `[initialize.after_init]`.

    In the output layer, what belongs to labels that both have is copied if they have
    the same kind of objective, and with it the output for no-relation or of the
    threshold class. The rest stays as initialised.

    The encoder is copied where it is a part of the extractor. A shared one is a
    component of its own, and comes by spaCy's own `source`; without it the head
    is fed vectors that it has not learnt from, of which a warning tells:

        [paths]
        source = "training/first/model-best"

        [components.transformer]
        source = ${paths.source}

        [components.relation_extractor]
        factory = "relation_extractor"

        [initialize.after_init]
        @callbacks = "spacy-relext.carry_over.v1"
        source = ${paths.source}

    source (str): The trained pipeline: a path or the name of a package.
    component (str): The name of the relation extractor that is to be trained.
    source_component (Optional[str]): The name of the trained one; None for the same.
    RETURNS (Callable[[Language], Language]): The callback.
    RAISES (ValueError): From the callback: where either component is missing or no
        relation extractor, or their models are not alike but for the labels.
    """

    def carry_over(nlp: Language) -> Language:
        ours = _get_extractor(nlp, "component", component)
        name = component if source_component is None else source_component
        source_nlp = load_model(source)
        theirs = _get_extractor(source_nlp, "source_component", name)
        _check_options(
            nlp.get_pipe_config(component)["model"],
            source_nlp.get_pipe_config(name)["model"],
        )
        output, other_output = _get_output(ours.model), _get_output(theirs.model)
        _check_layers(ours.model, theirs.model, output)
        for layer, other in zip(ours.model.walk(), theirs.model.walk()):
            if layer is not output:
                _copy_layer(layer, other)
        _warn_of_other_encoder(nlp, component, source_nlp, name)
        _warn_of_other_vectors(nlp, component, source_nlp)
        shared = _copy_shared_labels(ours, theirs, output, other_output)
        logger.info(
            "Carried over '%s' of %s into '%s', with the outputs of %s labels",
            name,
            source,
            component,
            shared,
        )
        return nlp

    return carry_over


def _get_extractor(nlp: Language, option: str, name: str) -> RelationExtractor:
    pipe = nlp.get_pipe(name) if name in nlp.component_names else None
    if not isinstance(pipe, RelationExtractor):
        extractors = [
            other for other, pipe in nlp.components if isinstance(pipe, RelationExtractor)
        ]
        raise ValueError(
            f"{NAME}: {option} must name a relation extractor, of which there are: "
            f"{', '.join(extractors) or 'none'}; found: {name!r}"
        )
    return pipe


def _check_options(ours: dict, theirs: dict) -> None:
    """Not all of them show in the shapes: the pooling does not."""
    differences = [
        f"{option} ({value!r} here, {theirs[option]!r} in the source)"
        for option, value in ours.items()
        if option not in FREE_OPTIONS
        and _unwrap(theirs.get(option, value)) != _unwrap(value)
    ]
    if differences:
        raise ValueError(
            f"{NAME}: the models must have the same options, but these differ: "
            f"{', '.join(differences)}"
        )


def _unwrap(value: Any) -> Any:
    """What a list of one, or none, is, as `context` has it."""
    if isinstance(value, list) and len(value) < 2:
        return value[0] if value else None
    return value


def _check_layers(ours: Model, theirs: Model, output: Model) -> None:
    layers, others = list(ours.walk()), list(theirs.walk())
    if list(map(_get_kind, layers)) != list(map(_get_kind, others)):
        here = {layer.name for layer in layers if not layer.layers}
        there = {layer.name for layer in others if not layer.layers}
        raise ValueError(
            f"{NAME}: the models must have the same layers, found: {len(layers)} here, "
            f"{len(others)} in the source; only here: "
            f"{', '.join(sorted(here - there)) or 'none'}; only in the source: "
            f"{', '.join(sorted(there - here)) or 'none'}. Is it another encoder?"
        )
    for layer, other in zip(layers, others):
        # Of the output layer only the number of labels may differ.
        n_free = 1 if layer is output else 0
        for name in layer.param_names:
            shape, other_shape = _get_shape(layer, name), _get_shape(other, name)
            if shape[n_free:] != other_shape[n_free:]:
                raise ValueError(
                    f"{NAME}: the models must have arrays of the same shapes, but "
                    f"'{name}' of a layer '{layer.name}' has {shape} here and "
                    f"{other_shape} in the source. Is it another encoder?"
                )


def _get_kind(layer: Model) -> Union[str, int]:
    """The number of its layers where it has some, as its name is not changed where
    one of them is replaced, else the name. Of all layers of a model, breadth first,
    this makes out which layers are where."""
    return len(layer.layers) or layer.name


def _get_shape(layer: Model, name: str) -> Tuple[int, ...]:
    return layer.get_param(name).shape if layer.has_param(name) else ()


def _get_output(model: Model) -> Model:
    if not model.has_ref("output"):
        raise ValueError(
            f"{NAME}: the models must be of the architecture "
            f"spacy-relext.RelationModel.v1, found: {model.name}"
        )
    return model.get_ref("output")


def _copy_layer(layer: Model, other: Model) -> None:
    for name in other.param_names:
        layer.set_param(name, layer.ops.asarray(other.get_param(name)))
    # Says which rows of a hash embedding are whose; by default it is the number of
    # the layer in the process that made it.
    if "seed" in other.attrs:
        layer.attrs["seed"] = other.attrs["seed"]
    for shim, other_shim in zip(layer.shims, other.shims):
        shim.from_bytes(other_shim.to_bytes())


def _warn_of_other_encoder(
    nlp: Language, name: str, source_nlp: Language, source_name: str
) -> None:
    for encoder_name, encoder in _get_shared_encoders(nlp, name):
        for _, other in _get_shared_encoders(source_nlp, source_name):
            if not _have_same_weights(encoder.model, other.model):
                warnings.warn(
                    f"{NAME}: {name!r} learnt from the vectors of the source's encoder, and "
                    f"{encoder_name!r} has other weights than that. To take it along, "
                    f"put a source into [components.{encoder_name}]."
                )


def _warn_of_other_vectors(nlp: Language, name: str, source_nlp: Language) -> None:
    encoders = [encoder.model for _, encoder in _get_shared_encoders(nlp, name)]
    models = [nlp.get_pipe(name).model, *encoders]
    uses_vectors = any(layer.name == "static_vectors" for m in models for layer in m.walk())
    if uses_vectors and nlp.vocab.vectors != source_nlp.vocab.vectors:
        warnings.warn(
            f"{NAME}: {name!r} learnt from other word vectors than those of this pipeline. "
            "To take them along, put the source into [initialize] as `vectors`."
        )


def _get_shared_encoders(nlp: Language, listener: str) -> Iterator[Tuple[str, Any]]:
    for name, pipe in nlp.components:
        if listener in getattr(pipe, "listening_components", ()):
            yield name, pipe


def _have_same_weights(model: Model, other: Model) -> bool:
    weights, others = list(_iter_weights(model)), list(_iter_weights(other))
    return len(weights) == len(others) and all(map(numpy.array_equal, weights, others))


def _iter_weights(model: Model) -> Iterator[Any]:
    for layer in model.walk():
        for name in layer.param_names:
            if layer.has_param(name):
                yield to_numpy(layer.get_param(name))
        for shim in layer.shims:
            if isinstance(shim, PyTorchShim):
                yield from map(to_numpy, map(torch2xp, shim._model.parameters()))


def _copy_shared_labels(
    ours: RelationExtractor, theirs: RelationExtractor, output: Model, other: Model
) -> int:
    """RETURNS (int): The number of labels."""
    shared = [label for label in ours.labels if label in theirs.labels]
    kind = type(ours.objective)
    if not shared or kind is not type(theirs.objective) or kind not in OBJECTIVES:
        return 0
    n_first = ours.objective.n_outputs(0)
    first = list(range(n_first))
    rows = first + [n_first + ours.labels.index(label) for label in shared]
    other_rows = first + [n_first + theirs.labels.index(label) for label in shared]
    for name in output.param_names:
        array = output.get_param(name).copy()
        array[rows] = other.get_param(name)[other_rows]
        output.set_param(name, array)
    return len(shared)
