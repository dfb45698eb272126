"""What `relext convert` will write, told before anything is opened."""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy

from ..convert import FORMATS, TARGETS, Format
from ..convert.corpus_writer import is_part
from .files import check_apart

SPLITS = ("train", "dev", "test")


class Plan(NamedTuple):
    """What is written where.

    shares (Dict[str, float]): Share of each split; one alone, "", where there are none.
    paths (Dict[str, Path]): File or folder of each.
    left (List[Path]): Splits of an earlier run, beside those that are written.
    """

    shares: Dict[str, float]
    paths: Dict[str, Path]
    left: List[Path]


def make_plan(
    input_path: Path,
    output: Path,
    source: Format,
    to: str,
    dev: float,
    test: float,
    report_path: Optional[Path],
) -> Plan:
    """What will be written, if nothing stands in its way.

    input_path (Path): File or folder of annotations.
    output (Path): As of `convert`, and so are `to`, `dev`, `test` and `report_path`.
    source (Format): What the input is read as.
    RETURNS (Plan): What is written where.
    RAISES (ValueError): Where the output would be read as input, or replace a folder of
        other files, or an option is out of its range.
    """
    # As 1 - 0.9 - 0.1 is not quite 0.
    train = round(1.0 - dev - test, 9)
    if train < 0:
        raise ValueError(f"--dev and --test are more than all: {dev} + {test}")
    if to not in TARGETS:
        raise ValueError(f"Unknown format {to!r} to write, there are: {', '.join(TARGETS)}")
    target = FORMATS[to]
    cut_up = bool(dev or test)
    suffixes = {found.suffix for found in FORMATS.values() if found.suffix}
    if cut_up and output.suffix in suffixes:
        raise ValueError(f"With --dev or --test the output is a folder, found: {output}")
    if not cut_up and target.suffix and output.suffix != target.suffix:
        raise ValueError(f"The output ends with {target.suffix}, found: {output}")
    shares, paths, left = {"": 1.0}, {"": output}, []
    if cut_up:
        shares = {x: share for x, share in zip(SPLITS, (train, dev, test)) if share}
        named = {x: output / f"{x}{target.suffix}" for x in SPLITS}
        paths = {x: path for x, path in named.items() if x in shares}
        left = [path for x, path in named.items() if x not in shares and path.exists()]
    # What is written of brat's is a folder of files.
    suffix = target.suffix or FORMATS["brat"].suffixes[0]
    for path in paths.values():
        check_apart([input_path], path, suffix in source.suffixes)
    if report_path is not None:
        is_read = report_path.suffix in source.suffixes
        check_apart([input_path], report_path, is_read)
        for path in paths.values():
            if path.resolve() in (report_path.resolve(), *report_path.resolve().parents):
                raise ValueError(f"The report would be lost: {path} is written over it")
    for path in paths.values():
        for found in path.iterdir() if path.is_dir() else ():
            # A large corpus of an earlier run is replaced as a single file is.
            if to != "spacy" or not is_part(found):
                raise ValueError(f"There are other files already in {path}: {found.name}")
    return Plan(shares, paths, left)


def draw_splits(n_docs: int, shares: Dict[str, float], seed: int) -> Sequence[str]:
    """Which split each document goes to, drawn at random.

    n_docs (int): Number of documents.
    shares (Dict[str, float]): Share of each split; the first has what the others leave.
    seed (int): Of the draw.
    RETURNS (Sequence[str]): Name of the split, one a document.
    """
    first, *others = shares
    splits = numpy.full(n_docs, first, dtype=object)
    order = numpy.random.default_rng(seed).permutation(n_docs)
    start = 0
    for name in others:
        end = start + round(shares[name] * n_docs)
        splits[order[start:end]] = name
        start = end
    return splits
