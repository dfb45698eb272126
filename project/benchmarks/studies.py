"""The studies: what each of them varies."""

from typing import Dict

from document_methods import DOCUMENTS, FROZEN_DOCUMENTS
from methods import AUGMENTERS, CONTINUED, FEW, IMBALANCE, PARTS, POLICIES, Method

STUDIES: Dict[str, Dict[str, Method]] = {
    "parts": PARTS,
    "policies": POLICIES,
    "augmenters": AUGMENTERS,
    "imbalance": IMBALANCE,
    "few": FEW,
    "continued": CONTINUED,
    "documents": DOCUMENTS,
    "frozen-documents": FROZEN_DOCUMENTS,
}
