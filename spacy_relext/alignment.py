"""Where spans of the reference lie in the predicted doc."""

from functools import cached_property
from typing import Optional, Tuple

from spacy.tokens import Span
from spacy.training import Alignment, Example


class Aligner:
    """Aligns spans of the reference of an example. `Example.alignment` looks through all
    the tokens of both docs each time, so it is taken once; while this is in use, the
    tokens must stay as they are."""

    def __init__(self, example: Example) -> None:
        """
        example (Example): The example.
        """
        self._example = example

    def align(self, span: Span) -> Optional[Tuple[int, int]]:
        """The predicted tokens that cover a span of the reference. Where the two
        tokenisations differ within the span, it is expanded to whole tokens.

        span (Span): A span of `example.reference`.
        RETURNS (Optional[Tuple[int, int]]): Start and end in tokens of
            `example.predicted`, end exclusive; None where nothing is aligned.
        """
        indices = self._alignment.y2x[span.start : span.end].ravel()
        if not len(indices):
            return None
        return int(indices.min()), int(indices.max()) + 1

    # Not before a span is asked for: where texts differ, there is no alignment.
    @cached_property
    def _alignment(self) -> Alignment:
        return self._example.alignment
