"""What of an annotated document can stand, before a doc is made of it."""

from dataclasses import replace
from typing import Dict, List, Sequence, Tuple, TypeVar

from spacy.tokens import Span

from .report import Report
from .source import Bounds, Problem, SourceDoc, SourceEntity, SourceRelation

Mention = TypeVar("Mention", SourceEntity, Span)


def check_source(source: SourceDoc, report: Report) -> SourceDoc:
    """A document of which all that remains lies within the text, its relations between
    two entities that are there.

    source (SourceDoc): The document.
    report (Report): Takes what does not remain.
    RETURNS (SourceDoc): The document, its problems told.
    """
    entities: Dict[str, SourceEntity] = {}
    clusters: Dict[str, List[SourceEntity]] = {}
    for entity in source.entities:
        reason = find_fault(source.text, entity)
        if entity.id in entities:
            reason = (
                f"its id {entity.id!r} is that of '{entities[entity.id].place}' too"
            )
        if reason:
            report.drop_entity(entity, reason)
            continue
        entities[entity.id] = _strip(source.text, entity, report)
        if entity.cluster:
            clusters.setdefault(entity.cluster, []).append(entities[entity.id])
    relations = []
    for relation in source.relations:
        reason = ""
        if not relation.label.strip():
            reason = "it has no label"
        elif not 0 <= relation.score <= 1:
            reason = f"its score {relation.score} is not between 0 and 1"
        if reason:
            report.drop(relation.place, "relation", reason)
            continue
        ends = []
        for end in (relation.head, relation.tail):
            found = [entities[end]] if end in entities else clusters.get(end, [])
            ends.append(found)
        if not all(ends):
            names = (relation.head, relation.tail)
            missing = " and ".join(
                repr(x) for x, found in zip(names, ends) if not found
            )
            report.drop(
                relation.place, "relation", f"no entity {missing}, or it was dropped"
            )
            continue
        head, tail = find_closest(*ends)
        mentions = [
            _check_mentions(ids or [e.id for e in found], entities, relation, report)
            for ids, found in zip((relation.head_mentions, relation.tail_mentions), ends)
        ]
        told = {
            "evidence": relation.evidence,
            "sentence": [relation.sentence] if relation.sentence else [],
        }
        evidence, sentence = (
            _check_bounds(source.text, bounds, what, relation, report)
            for what, bounds in told.items()
        )
        relations.append(
            replace(
                relation,
                head=head.id,
                tail=tail.id,
                head_mentions=mentions[0],
                tail_mentions=mentions[1],
                evidence=evidence,
                sentence=sentence[0] if sentence else None,
            )
        )
    return replace(
        source, entities=list(entities.values()), relations=relations, problems=[]
    )


def drop_all(source: SourceDoc, reason: str, report: Report) -> None:
    """Drop a document with all that is in it.

    source (SourceDoc): The document.
    reason (str): Why.
    report (Report): Takes it.
    """
    report.drop(source.place, "document", reason)
    for entity in source.entities:
        report.drop_entity(entity, reason)
    for relation in source.relations:
        report.drop(relation.place, "relation", reason)


def find_fault(text: str, entity: SourceEntity) -> str:
    """Why an entity can't be where it is said to be.

    text (str): The text of its document.
    entity (SourceEntity): The entity.
    RETURNS (str): The reason, "" where there is none.
    """
    start, end, said = entity.start, entity.end, entity.text
    bounds = f"{start}–{end}"
    if start > end:
        return f"its end comes before its start, {bounds}"
    if start < 0 or end > len(text):
        fault = f"{bounds} is not within the text, which has {len(text)} characters"
    elif not text[start:end].strip():
        fault = f"there is no text at {bounds}"
    elif said is None or entity.gaps or _plain(said) == _plain(text[start:end]):
        return "" if entity.label.strip() else "it has no label"
    else:
        fault = f"at {bounds} stands {text[start:end]!r}, not {said!r}"
    if said:
        guesses = {
            "its end is given as included": text[start : end + 1],
            "its start is counted from 1": text[max(0, start - 1) : end],
            "both are counted from 1": text[max(0, start - 1) : max(0, end - 1)],
            "its offsets are bytes": _cut_coded(text, "utf-8", start, end),
            "its offsets count UTF-16": _cut_coded(text, "utf-16-le", 2 * start, 2 * end),
            "its offsets count CRLF as one": text.replace("\r\n", "\n")[start:end],
        }
        fits = [guess for guess, found in guesses.items() if found == said]
        # Where no guess is exact, as a line break may have become a space.
        fits += [x for x, found in guesses.items() if _plain(found) == _plain(said)]
        if fits:
            return f"{fault}; perhaps {fits[0]}"
    return fault


def find_closest(
    heads: Sequence[Mention], tails: Sequence[Mention]
) -> Tuple[Mention, Mention]:
    """The two mentions that stand closest to each other, which are the likeliest to say
    what holds of the two clusters. Not twice the same tokens, where there are others.

    heads, tails (Sequence[Union[SourceEntity, Span]]): Mentions of one and of the other.
    RETURNS (Tuple[Union[SourceEntity, Span], Union[SourceEntity, Span]]): One of each.
    """
    pairs = ((head, tail) for head in heads for tail in tails)
    return min(pairs, key=_distance)


def _strip(text: str, entity: SourceEntity, report: Report) -> SourceEntity:
    """An entity without the whitespace around it, which no token begins or ends
    with."""
    found = text[entity.start : entity.end]
    if found == found.strip():
        return entity
    reason = f"{found!r} has whitespace around it"
    report.add(Problem(entity.place, "entity", "trimmed", reason))
    start = entity.start + len(found) - len(found.lstrip())
    return replace(entity, start=start, end=start + len(found.strip()))


def _check_mentions(
    ids: Sequence[str],
    entities: Dict[str, SourceEntity],
    relation: SourceRelation,
    report: Report,
) -> Tuple[str, ...]:
    """The mentions of one end of a relation that are there."""
    for id in ids:
        if id not in entities:
            reason = f"a mention of a relation: no entity {id!r}, or it was dropped"
            report.drop(relation.place, "note", reason)
    return tuple(id for id in ids if id in entities)


def _check_bounds(
    text: str,
    bounds: Sequence[Bounds],
    what: str,
    relation: SourceRelation,
    report: Report,
) -> Tuple[Bounds, ...]:
    """What tells of a relation, and is text."""
    kept = []
    for start, end in bounds:
        if 0 <= start < end <= len(text) and text[start:end].strip():
            kept.append((start, end))
        else:
            reason = f"{what} of a relation: there is no text at {start}–{end}"
            report.drop(relation.place, "note", reason)
    return tuple(kept)


def _cut_coded(text: str, coding: str, start: int, end: int) -> str:
    return text.encode(coding, "replace")[start:end].decode(coding, "ignore")


def _plain(text: str) -> str:
    return "".join(text.split())


def _distance(pair: Tuple[Mention, Mention]) -> Tuple[bool, int, int]:
    head, tail = pair
    apart = max(head.start, tail.start) - min(head.end, tail.end)
    same = (head.start, head.end) == (tail.start, tail.end)
    return same, max(0, apart), min(head.start, tail.start)
