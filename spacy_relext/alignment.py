"""Where a span of the reference lies in the predicted doc."""

from typing import Optional, Tuple

from spacy.tokens import Span
from spacy.training import Example


def align_span(example: Example, span: Span) -> Optional[Tuple[int, int]]:
    """The predicted tokens that cover a span of the reference. Where the two
    tokenisations differ within the span, it is expanded to whole tokens.

    example (Example): The example.
    span (Span): A span of `example.reference`.
    RETURNS (Optional[Tuple[int, int]]): Start and end in tokens of
        `example.predicted`, end exclusive; None where nothing is aligned.
    """
    indices = example.alignment.y2x[span.start : span.end].ravel()
    if not len(indices):
        return None
    return int(indices.min()), int(indices.max()) + 1
