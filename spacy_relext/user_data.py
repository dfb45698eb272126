"""What `doc.user_data` has of relations, and what `relext convert` read that no span or
relation can hold.

All of it is plain lists, strings and numbers, so that it survives `to_bytes`, DocBin,
`to_json` and other processes. Offsets are in characters, so that it survives retokenisation
too.
"""

from typing import Any, Dict, Iterable, List, Sequence, Tuple

from spacy.tokens import Doc, Span

# The relations, see `read_records`.
USER_DATA_KEY = "spacy_relext.relations"
# Name and place of the document.
SOURCE_KEY = "spacy_relext.source"
# Attributes of entities, and the sentences of relations, both by characters of the doc.
ATTRIBUTES_KEY = "spacy_relext.attributes"
SENTENCES_KEY = "spacy_relext.sentences"
# Labels of relations without direction.
SYMMETRIC_KEY = "spacy_relext.symmetric"

HEAD_MENTIONS, TAIL_MENTIONS, EVIDENCE = "head_mentions", "tail_mentions", "evidence"

# A mention as it is stored: start and end in characters, label, kb_id.
Mention = List[Any]


def has_relations(doc: Doc) -> bool:
    """Whether relations were set, also where there are none.

    doc (Doc): The doc.
    RETURNS (bool): False only for a doc that nobody annotated.
    """
    return USER_DATA_KEY in doc.user_data


def get_name(doc: Doc, default: str = "") -> str:
    """What the document is called that a doc was converted from.

    doc (Doc): The doc.
    default (str): What to return for one that was not.
    RETURNS (str): The name.
    """
    return str(doc.user_data.get(SOURCE_KEY, [default])[0])


def read_records(doc: Doc) -> List[List[Any]]:
    """The stored relations, not to be changed in place.

    doc (Doc): The doc.
    RETURNS (List[List[Any]]): `[label, score, head, tail]` a relation, a mention
        being `[start_char, end_char, label, kb_id]`. Where there is more to tell, a
        dict follows, of `head_mentions` and `tail_mentions`, lists of such, and of
        `evidence`, a list of `[start_char, end_char]`.
    """
    return doc.user_data.get(USER_DATA_KEY, [])


def write_records(doc: Doc, records: Iterable[List[Any]]) -> None:
    """Store relations, each head, tail and label once, best score first.

    doc (Doc): The doc.
    records (Iterable[List[Any]]): As `read_records` returns them.
    """
    best: Dict[Tuple, List[Any]] = {}
    for record in sorted(records, key=lambda record: -record[1]):
        label, _, head, tail = record[:4]
        key = (label, *head, *tail)
        for details in record[4:]:
            ends = details[HEAD_MENTIONS], details[TAIL_MENTIONS]
            # Head and tail alone go without saying.
            if sum(map(len, ends)) > 2:
                key += tuple(tuple(map(tuple, mentions)) for mentions in ends)
        best.setdefault(key, record)
    doc.user_data[USER_DATA_KEY] = list(best.values())


def as_mention(span: Span) -> Mention:
    """A span as it is stored.

    span (Span): The span.
    RETURNS (List[Any]): `[start_char, end_char, label, kb_id]`.
    """
    return [span.start_char, span.end_char, span.label_, span.kb_id_]


def make_record(
    label: str,
    score: float,
    head: Mention,
    tail: Mention,
    head_mentions: Sequence[Mention],
    tail_mentions: Sequence[Mention],
    evidence: Sequence[List[int]] = (),
) -> List[Any]:
    """A relation as it is stored, see `read_records`.

    label (str): The label.
    score (float): The score.
    head, tail (List[Any]): The mentions that tell most of it.
    head_mentions, tail_mentions (List[List[Any]]): All mentions of the two.
    evidence (List[List[int]]): Start and end in characters of each sentence that
        tells of it.
    RETURNS (List[Any]): The record, without what goes without saying.
    RAISES (ValueError): Where head or tail is none of its own mentions.
    """
    for role, mention, mentions in (
        ("head", head, head_mentions),
        ("tail", tail, tail_mentions),
    ):
        if mention not in mentions:
            raise ValueError(
                f"The {role} of a {label!r} relation must be one of its own mentions, "
                f"found: {mention} not in {list(mentions)}"
            )
    record = [label, score, head, tail]
    if len(head_mentions) > 1 or len(tail_mentions) > 1 or evidence:
        record.append(
            {
                HEAD_MENTIONS: list(head_mentions),
                TAIL_MENTIONS: list(tail_mentions),
                EVIDENCE: list(evidence),
            }
        )
    return record


def is_custom(key: Any) -> bool:
    """Whether an item of user data is a custom attribute of spaCy's.

    key (Any): The key of the item. That of a custom attribute of a doc, a token or a span
        is `("._.", name, start, end)`, with None or characters.
    RETURNS (bool): Whether it is.
    """
    return isinstance(key, tuple) and len(key) == 4 and key[0] == "._."


def is_of_doc(key: Any) -> bool:
    """Whether an item of user data is not stored by characters of the doc.

    key (Any): The key of the item.
    RETURNS (bool): Whether it is of the doc.
    """
    if is_custom(key):
        return key[2] is None
    return key not in (USER_DATA_KEY, ATTRIBUTES_KEY, SENTENCES_KEY)
