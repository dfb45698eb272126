"""Several callbacks where spaCy takes one."""

from typing import Any, Callable

from spacy.util import registry


@registry.callbacks("spacy-relext.chain_callbacks.v1")
def create_callback_chain(*callbacks: Callable) -> Callable:
    """Several callbacks in turn, for each place in a config that takes one:

        [initialize.after_init]
        @callbacks = "spacy-relext.chain_callbacks.v1"

        [initialize.after_init.*.labels]
        @callbacks = "spacy-relext.carry_over.v1"
        source = "training/first/model-best"

        [initialize.after_init.*.averages]
        @callbacks = "spacy-relext.average_encoder.v1"

    They run in the order of the config; their names, "labels" and "averages", are free.

    *callbacks (Callable): The callbacks. Each gets the pipeline that the one before it
        returns, or the same where that returns None, as those of
        `[training.before_update]` do.
    RETURNS (Callable): The callback that runs them.
    """

    def run(nlp: Any, *info: Any) -> Any:
        for callback in callbacks:
            result = callback(nlp, *info)
            nlp = nlp if result is None else result
        return nlp

    return run
