"""What is read of the training data before the training begins."""

from typing import Collection, Iterable, List, Sequence, Tuple

from spacy.tokens import Doc
from spacy.training import Example

from .relation import Relation, get_relations

N_DOCS = 10


def read_examples(examples: Iterable[Example]) -> Tuple[List[Relation], List[Doc]]:
    """All relations of the training data, and a few docs to size a model with.

    examples (Iterable[Example]): The training data.
    RETURNS (Tuple[List[Relation], List[Doc]]): The relations; the first docs that have
        a token.
    """
    relations: List[Relation] = []
    docs: List[Doc] = []
    for eg in examples:
        relations.extend(get_relations(eg.reference))
        if len(docs) < N_DOCS and len(eg.reference):
            docs.append(eg.reference)
    return relations, docs


def select_relations(
    name: str,
    relations: Sequence[Relation],
    labels: Collection[str],
    symmetric_labels: Collection[str],
) -> List[Relation]:
    """The relations that a component learns from. Another extractor of the pipeline may
    be there for the others.

    name (str): The component, for the errors.
    relations (Sequence[Relation]): Those of the training data.
    labels (Collection[str]): The labels of the component.
    symmetric_labels (Collection[str]): Those that hold in both directions.
    RETURNS (List[Relation]): Those that have one of the labels, at least one.
    RAISES (ValueError): Where there is none, or a symmetric label is none of the labels.
    """
    if not relations:
        raise ValueError(
            f"{name}: the training data have no relations in doc._.relations. If they "
            "were written as .spacy files, was it with DocBin(store_user_data=True)? "
            "spaCy's own reader also drops them where it splits docs (max_length, "
            "gold_preproc)."
        )
    selected = [relation for relation in relations if relation.label in labels]
    if not selected:
        found = sorted({relation.label for relation in relations})
        raise ValueError(
            f"{name}: the labels are {', '.join(labels)}, but the relations of the training "
            f"data have the labels {', '.join(found)}"
        )
    unknown = set(symmetric_labels) - set(labels)
    if unknown:
        raise ValueError(
            f"{name}: symmetric_labels names {', '.join(sorted(unknown))}, but the labels "
            f"are: {', '.join(labels)}"
        )
    return selected
