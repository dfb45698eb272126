"""What of a doc other tools keep."""

from typing import Any, Dict, Iterable, List, NamedTuple

from spacy.tokens import Doc, Span

from ..entities import as_stored_key
from ..grouping import CLUSTERS_PREFIX
from ..records import get_mentions
from ..relation import Relation, get_relations
from ..user_data import ATTRIBUTES_KEY, get_name, has_relations
from .source import Attribute


class Annotations(NamedTuple):
    """What other tools keep of a doc.

    doc (Doc): The doc.
    name (str): What the document is called, "" if nothing.
    mentions (List[Span]): Its entities, of `doc.ents` and of every group of spans that
        is no cluster, in text order.
    relations (List[Relation]): Its relations.
    ids (Dict[Tuple, int]): The position of each mention by its key
        (`entities.as_stored_key`).
    clusters (Dict[str, List[Span]]): The mentions of each cluster by its key, which need
        not be entities.
    has_relations (bool): Whether relations were annotated, also where there are none.
    attributes (Dict[Tuple, List[Attribute]]): Name and value of each attribute, by the
        key of its mention.
    """

    doc: Doc
    name: str
    mentions: List[Span]
    relations: List[Relation]
    ids: Dict[Any, int]
    clusters: Dict[str, List[Span]]
    has_relations: bool
    attributes: Dict[Any, List[Attribute]]


def get_annotations(doc: Doc) -> Annotations:
    """The entities and relations of a doc.

    doc (Doc): The doc.
    RETURNS (Annotations): What other tools keep of it.
    """
    relations = list(get_relations(doc))
    keys = (None, *get_entity_groups(doc))
    mentions, ids = get_mentions(doc, relations, keys)
    name = get_name(doc)
    clusters, attributes = get_clusters(doc), get_attributes(doc, mentions)
    return Annotations(
        doc, name, mentions, relations, ids, clusters, has_relations(doc), attributes
    )


def get_entity_groups(doc: Doc) -> List[str]:
    """Groups of `doc.spans` that are not clusters of mentions.

    doc (Doc): The doc.
    RETURNS (List[str]): Their keys.
    """
    return [key for key in doc.spans if not key.startswith(CLUSTERS_PREFIX)]


def get_clusters(doc: Doc) -> Dict[str, List[Span]]:
    """Clusters of mentions, which need not be entities.

    doc (Doc): The doc.
    RETURNS (Dict[str, List[Span]]): Their mentions by their keys in `doc.spans`.
    """
    groups = (item for item in doc.spans.items() if item[0].startswith(CLUSTERS_PREFIX))
    return {key: [span for span in group if len(span)] for key, group in groups}


def get_attributes(doc: Doc, mentions: Iterable[Span]) -> Dict[Any, List[Attribute]]:
    """Attributes of mentions.

    doc (Doc): The doc.
    mentions (Iterable[Span]): The mentions.
    RETURNS (Dict[Tuple, List[Attribute]]): Name and value of each, by the key of its
        mention (`entities.as_stored_key`); of two that differ in their kb_ids, the first.
    """
    keys: Dict[Any, Any] = {}
    for span in mentions:
        key = span.start_char, span.end_char, span.label_
        keys.setdefault(key, as_stored_key(span))
    attributes: Dict[Any, List[Attribute]] = {}
    for start, end, label, name, value in doc.user_data.get(ATTRIBUTES_KEY, ()):
        if (start, end, label) in keys:
            attributes.setdefault(keys[start, end, label], []).append((name, value))
    return attributes
