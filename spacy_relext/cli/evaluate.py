"""python -m spacy relext evaluate"""

from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Set

import srsly
import typer
from spacy import util
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from wasabi import msg

from ..curve import check_threshold, get_curve, rank_candidates
from ..extractor import RelationExtractor
from ..grouping import get_entity_relations
from ..relation import Relation, set_relations
from ..scorer import Fact, get_facts
from ..user_data import has_relations
from . import relext
from .files import check_apart, load_examples
from .gaps import (
    annotate,
    find_cluster_gaps,
    find_declared,
    find_finders,
    hand_over,
)

# The score that every relation extractor has, after the key of its scorer.
RECALL = "_candidate_recall"


@relext.command("evaluate")
def evaluate_cli(
    # fmt: off
    model: str = typer.Argument(..., help="Model name or path"),
    data_path: Path = typer.Argument(..., help="Location of binary evaluation data in .spacy format", exists=True),
    gold_entities: bool = typer.Option(False, "--gold-entities", "-G", help="Give the pipeline the entities of the data instead of having it find its own"),
    output: Optional[Path] = typer.Option(None, "--output", "-o", help="Output JSON file for metrics", dir_okay=False),
    curve: bool = typer.Option(False, "--curve", "-C", help="Also score all thresholds: the precision-recall curve and the area under it"),
    train_path: Optional[Path] = typer.Option(None, "--train", "-t", help="Training data, for the Ign-F1: facts that are known from there are left out", exists=True),
    code_path: Optional[Path] = typer.Option(None, "--code", "-c", help="Path to Python file with additional code to be imported"),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    # fmt: on
) -> None:
    """Evaluate the relations of a trained pipeline.

    Unlike `spacy evaluate` it can hand the gold entities over, so that the relation
    extractor is judged alone, and it says which entities it used.
    """
    try:
        import_code(code_path)
        setup_gpu(use_gpu)
        evaluate(
            model,
            data_path,
            gold_entities=gold_entities,
            output=output,
            curve=curve,
            train_path=train_path,
            silent=False,
        )
    except (ValueError, OSError) as error:
        msg.fail("Not evaluated", str(error), exits=1)


def evaluate(
    model: str,
    data_path: Path,
    *,
    gold_entities: bool = False,
    output: Optional[Path] = None,
    curve: bool = False,
    train_path: Optional[Path] = None,
    silent: bool = True,
) -> Dict[str, Any]:
    """Score the relations that a pipeline finds.

    model (str): Name or path of the pipeline.
    data_path (Path): A .spacy file, or a directory of such.
    gold_entities (bool): Whether to hand the gold entities over; components that
        declare that they assign entities or spans are then left out.
    output (Optional[Path]): JSON file for the scores.
    curve (bool): Whether to add the area under the precision-recall curve, as
        `rels_pr_auc`, the point with the best F-score, as `rels_pr_best`, and its
        points, as `rels_pr_curve`. It runs the pipeline again.
    train_path (Optional[Path]): The training data, for the Ign-F1: what relations are
        found that are known from there by the names of head and tail is left out of it.
    silent (bool): Whether to print nothing.
    RETURNS (Dict[str, Any]): The scores of the pipeline.
    RAISES (ValueError): Where the pipeline has no relation extractor, or where a curve is
        to be drawn of one without a threshold; where data can't be read, have no relations
        annotated, or would be written over.
    RAISES (OSError): Where there is no such pipeline.
    """
    if output is not None:
        inputs = [data_path] if train_path is None else [data_path, train_path]
        check_apart(inputs, output, is_read=output.suffix == ".spacy")
    nlp = util.load_model(model)
    extractors = {
        name: pipe for name, pipe in nlp.pipeline if isinstance(pipe, RelationExtractor)
    }
    if not extractors:
        names = ", ".join(nlp.pipe_names) or "none"
        raise ValueError(f"No relation_extractor in the pipeline, its components: {names}")
    if curve:
        for pipe in extractors.values():
            check_threshold(pipe)
    examples = load_examples(data_path, Corpus(data_path), nlp)
    _check_annotated((eg.reference for eg in examples), data_path)
    if gold_entities:
        # All of them: a span_ruler may set entities as well as spans.
        finders = find_declared(nlp, nlp.pipe_names, "doc.ents", "doc.spans")
        gaps = hand_over(examples, extractors)
    else:
        finders, gaps = find_finders(nlp, extractors, examples)
    scorer_cfg = {}
    if train_path is not None:
        scorer_cfg["known_facts"] = _read_facts(nlp, extractors, train_path)
    with nlp.select_pipes(disable=finders if gold_entities else []):
        scores = nlp.evaluate(examples, scorer_cfg=scorer_cfg)
        if curve:
            for name, pipe in extractors.items():
                scores.update(_score_curve(nlp, name, pipe, examples))
    scores["entities"] = "gold" if gold_entities else "predicted"
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        srsly.write_json(output, scores)
    if not silent:
        if len(gaps) < len(extractors):
            _print_entities(gold_entities, finders)
        for name, gap in gaps.items():
            msg.warn(f"Entities: none for {name}", gap)
        if not gold_entities:
            for name, gap in find_cluster_gaps(nlp, extractors, examples).items():
                msg.warn(f"Clusters: none for {name}", gap)
        for key in _find_keys(scores):
            _print_scores(scores, key)
        if output is not None:
            msg.good(f"Saved results to {output}")
    return scores


def _read_facts(
    nlp: Language, extractors: Dict[str, RelationExtractor], path: Path
) -> Set[Fact]:
    """What data say, by all names that the groupings of the extractors give an entity."""
    facts: Set[Fact] = set()
    docs = [eg.reference for eg in load_examples(path, Corpus(path), nlp)]
    _check_annotated(docs, path)
    for doc in docs:
        for pipe in extractors.values():
            spans_key = pipe.cfg["spans_key"]
            relations = get_entity_relations(doc, pipe.grouping, spans_key)
            facts.update(get_facts(relations, spans_key))
    return facts


def _check_annotated(docs: Iterable[Doc], path: Path) -> None:
    if not any(map(has_relations, docs)):
        raise ValueError(
            f"No relations annotated in {path}. Was it written with "
            "DocBin(store_user_data=True)?"
        )


def _score_curve(
    nlp: Language, name: str, pipe: RelationExtractor, examples: List[Example]
) -> Dict[str, Any]:
    with annotate(nlp, nlp.pipe_names.index(name) + 1, examples) as docs:
        examples = [Example(doc, eg.reference) for doc, eg in zip(docs, examples)]
    scores = pipe.score(examples)
    curves = {}
    for key in _find_keys(scores):
        per_type = scores[f"{key}_per_type"]
        n_true = sum(row["support"] for row in per_type.values())
        if n_true:
            labels = _find_scored_labels(pipe, key).union(per_type)
            found = get_curve(*rank_candidates(pipe, examples, labels), n_true)
            curves[f"{key}_pr_auc"] = found.area
            curves[f"{key}_pr_best"] = found.best
            curves[f"{key}_pr_curve"] = found.points
    return curves


def _find_keys(scores: Dict[str, Any]) -> List[str]:
    """The keys of the scorers of relation extractors."""
    return [name[: -len(RECALL)] for name in scores if name.endswith(RECALL)]


def _find_scored_labels(pipe: RelationExtractor, key: str) -> Set[str]:
    """The labels that the scorer considers: what it makes of a doc that has all."""
    # The config tells those of relation_scorer alone, not of a scorer of a user's own.
    doc = Doc(pipe.vocab, words=["head", "tail"], sent_starts=[True, False])
    set_relations(doc, [Relation(doc[:1], doc[1:], label) for label in pipe.labels])
    return set(pipe.score([Example(doc, doc)])[f"{key}_per_type"])


def _print_entities(gold_entities: bool, finders: List[str]) -> None:
    names = ", ".join(finders)
    if gold_entities:
        without = f", without: {names}" if finders else ""
        msg.info(f"Entities: those of the data{without}")
    else:
        by = f" ({names})" if finders else ""
        msg.info(f"Entities: those that the pipeline finds{by}")


def _print_scores(scores: Dict[str, Any], key: str) -> None:
    rows = [
        (name, *(_percent(scores[f"{key}_{prefix}{x}"]) for x in "prf"))
        for name, prefix in (("micro", ""), ("macro", "macro_"))
    ]
    msg.table(rows, header=("", "P", "R", "F"), divider=True, aligns=tuple("lrrr"), title=key)
    msg.text(f"Candidate recall: {_percent(scores[key + RECALL])}")
    by_place = [("within", scores[f"{key}_intra_f"]), ("across", scores[f"{key}_inter_f"])]
    # Without sentences there is nothing to tell apart.
    if any(score is not None for _, score in by_place):
        for place, score in by_place:
            msg.text(f"F {place} sentences: {_percent(score)}")
    if scores[f"{key}_ign_f"] is not None:
        ign_f = _percent(scores[f"{key}_ign_f"])
        msg.text(f"F without facts of the training data (Ign): {ign_f}")
    if f"{key}_pr_auc" in scores:
        msg.text(f"Area under the precision-recall curve: {_percent(scores[f'{key}_pr_auc'])}")
        best = scores[f"{key}_pr_best"]
        if best:
            figures = ", ".join(f"{x.upper()} {_percent(best[x])}" for x in "fpr")
            msg.text(f"Its best point: {figures}, at a threshold of {best['threshold']:.2f}")
    rows = [
        (label, *(_percent(row[x]) for x in "prf"), str(row["support"]))
        for label, row in scores[f"{key}_per_type"].items()
    ]
    header = ("label", "P", "R", "F", "support")
    msg.table(rows, header=header, divider=True, aligns=tuple("lrrrr"), title=f"{key} (per label)")


def _percent(score: Optional[float]) -> str:
    return "-" if score is None else f"{100 * score:.2f}"
