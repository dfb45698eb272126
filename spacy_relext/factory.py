"""The factory of the relation extractor, and what its options are by default."""

from typing import Callable, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc
from thinc.api import Config, Model
from thinc.types import Floats2d

from .candidates import PairGenerator
from .extractor import RelationExtractor
from .grouping import Grouping
from .objectives import Objective
from .pairs import Pairs

relation_extractor_default_config = """
[model]
@architectures = "spacy-relext.RelationModel.v1"

[model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[model.tok2vec.embed]
@architectures = "spacy.MultiHashEmbed.v2"
width = 96
rows = [5000, 1000, 2500, 1000]
attrs = ["NORM", "PREFIX", "SUFFIX", "SHAPE"]
include_static_vectors = false

[model.tok2vec.encode]
@architectures = "spacy.MaxoutWindowEncoder.v2"
width = ${model.tok2vec.embed.width}
window_size = 1
maxout_pieces = 3
depth = 4

[pairs]
@misc = "spacy-relext.all_pairs.v1"

[objective]
@misc = "spacy-relext.multi_label.v1"

[scorer]
@scorers = "spacy-relext.relation_scorer.v1"
"""

DEFAULT_CONFIG = Config().from_str(relation_extractor_default_config)

DEFAULT_SCORE_WEIGHTS = {
    "rels_f": 1.0,
    "rels_p": 0.0,
    "rels_r": 0.0,
    "rels_macro_f": None,
    "rels_candidate_recall": None,
}


@Language.factory(
    "relation_extractor",
    assigns=["doc._.relations"],
    default_config={
        **DEFAULT_CONFIG,
        "grouping": None,
        "spans_key": None,
        "symmetric_labels": [],
        "max_pairs_per_doc": None,
        "evidence_share": None,
        "evidence_weight": 0.0,
    },
    default_score_weights=DEFAULT_SCORE_WEIGHTS,
)
def make_relation_extractor(
    nlp: Language,
    name: str,
    model: Model[Tuple[List[Doc], Pairs], Floats2d],
    pairs: PairGenerator,
    objective: Objective,
    grouping: Optional[Grouping],
    spans_key: Optional[str],
    symmetric_labels: List[str],
    max_pairs_per_doc: Optional[int],
    evidence_share: Optional[float],
    evidence_weight: float,
    scorer: Optional[Callable],
) -> RelationExtractor:
    """Construct a relation extractor. See RelationExtractor for the options."""
    return RelationExtractor(
        nlp,
        model,
        name,
        pairs=pairs,
        objective=objective,
        grouping=grouping,
        spans_key=spans_key,
        symmetric_labels=symmetric_labels,
        max_pairs_per_doc=max_pairs_per_doc,
        evidence_share=evidence_share,
        evidence_weight=evidence_weight,
        scorer=scorer,
    )
