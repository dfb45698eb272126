"""python -m spacy relext pretrain"""

import math
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Iterable, Iterator, List, Union

import torch
import typer
from spacy.cli._util import setup_gpu
from spacy.util import fix_random_seed
from spacy.vocab import Vocab
from thinc.util import get_torch_default_device
from tqdm import tqdm
from wasabi import msg

from ..corpus import read_doc_bin
from ..text_files import check_input
from ..texts import Fault, Text, read_texts
from ..transfer.pretraining import MaskedLanguageModel
from . import relext
from .files import check_apart

SUFFIX = ".spacy"


@relext.command("pretrain")
def pretrain_cli(
    # fmt: off
    encoder: str = typer.Argument(..., help="Folder or name of the transformer to go on from"),
    inputs: List[Path] = typer.Argument(..., help="Texts: .spacy, .txt, .jsonl, .csv, .tsv, or directories of such but .spacy", exists=True),
    output: Path = typer.Option(..., "--output", "-o", help="Folder to write the encoder to, for `name` of the transformer in a config", file_okay=False),
    lines: bool = typer.Option(False, "--lines", "-L", help="Each line of a plain text file is a text, instead of the whole file"),
    text_field: str = typer.Option("text", "--text-field", help="Field of .jsonl objects, or column of tables, that holds the text"),
    max_epochs: int = typer.Option(20, "--max-epochs", "-e", help="Passes over the texts", min=1),
    learn_rate: float = typer.Option(1e-4, "--learn-rate", "-r", help="Highest learning rate"),
    batch_size: int = typer.Option(1000, "--batch-size", "-b", help="Word pieces of a batch, with padding", min=1),
    window: int = typer.Option(256, "--window", "-w", help="Word pieces that the encoder reads at once; longer texts are cut", min=1),
    seed: int = typer.Option(0, "--seed", help="Of the order, the masks and new weights"),
    overwrite: bool = typer.Option(False, "--overwrite", "-F", help="Write to a folder that has files in it"),
    use_gpu: int = typer.Option(-1, "--gpu-id", "-g", help="GPU ID or -1 for CPU"),
    # fmt: on
) -> None:
    """Pretrain a transformer further on texts like those of the task, annotated or not.

    It learns to guess masked words, and is saved after each epoch. What cannot be read is
    reported with its file and line, and left out.
    """
    # Matrix products in bfloat16 where the CPU has them save much of the time.
    torch.set_float32_matmul_precision("medium")
    try:
        losses = pretrain(
            encoder,
            inputs,
            output,
            lines=lines,
            text_field=text_field,
            max_epochs=max_epochs,
            learn_rate=learn_rate,
            batch_size=batch_size,
            window=window,
            seed=seed,
            overwrite=overwrite,
            use_gpu=use_gpu,
            silent=False,
        )
    except (ValueError, OSError) as error:
        msg.fail("No encoder pretrained", str(error), exits=1)
    msg.good(f"Encoder in {output}, loss {losses[0]:.3f} at first, {losses[-1]:.3f} in the end")


def pretrain(
    encoder: str,
    inputs: Iterable[Path],
    output: Path,
    *,
    lines: bool = False,
    text_field: str = "text",
    max_epochs: int = 20,
    learn_rate: float = 1e-4,
    batch_size: int = 1000,
    window: int = 256,
    seed: int = 0,
    overwrite: bool = False,
    use_gpu: int = -1,
    silent: bool = True,
) -> List[float]:
    """Pretrain an encoder further, see `spacy_relext.transfer.pretraining`.

    encoder (str): Folder or name of the encoder.
    inputs (Iterable[Path]): Corpora of spaCy, and what `spacy_relext.texts` reads.
    output (Path): Folder to write it to.
    lines (bool): Whether each line of a plain text file is a text.
    text_field (str): Where the text is in JSON objects and tables.
    max_epochs (int): Passes over the texts.
    learn_rate (float): The highest learning rate.
    batch_size (int): Size of a batch, in word pieces with padding.
    window (int): Longest piece of text that is read at once, in word pieces.
    seed (int): Of the order, the masks and new weights.
    overwrite (bool): Whether the folder may have files in it.
    use_gpu (int): GPU ID, or -1 for CPU.
    silent (bool): Whether to print nothing.
    RETURNS (List[float]): The mean loss of each epoch, not a number where no word was
        masked in it.
    RAISES (ValueError): Where there is no text, the folder has files in it, or an input,
        the learning rate is none, or the encoder cannot guess words, or not be loaded.
    RAISES (OSError): Where there is no such encoder, or the folder can't be written to.
    """
    if not 0 < learn_rate < math.inf:
        raise ValueError(f"--learn-rate must be above 0, and finite, found: {learn_rate}")
    inputs = list(inputs)
    check_apart(inputs, output)
    if not overwrite and output.exists() and any(output.iterdir()):
        raise ValueError(f"{output} has files in it; --overwrite writes there")
    setup_gpu(use_gpu, silent=silent)
    fix_random_seed(seed)
    model = MaskedLanguageModel(encoder, get_torch_default_device())
    texts = _read(inputs, lines, text_field, silent)
    windows = model.cut(texts, window)
    if not windows:
        raise ValueError("There is no text to learn from")
    n_steps = model.count_steps(windows, max_epochs, batch_size)
    if not silent:
        msg.info(f"{sum(map(len, windows))} word pieces, {len(windows)} windows of text")
    # To see, before the work begins, that it can be written.
    output.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=output):
        pass
    steps = model.train(
        windows, max_epochs=max_epochs, batch_size=batch_size, learn_rate=learn_rate
    )
    losses: List[float] = []
    total, n_guessed = 0.0, 0
    with tqdm(total=n_steps, unit=" steps", disable=silent) as bar:
        for epoch, loss, n_masked in steps:
            if epoch > len(losses):
                if losses:
                    model.to_disk(output)
                losses.append(loss)
                total, n_guessed = 0.0, 0
            total, n_guessed = total + n_masked * loss, n_guessed + n_masked
            losses[-1] = total / n_guessed if n_guessed else math.nan
            bar.set_postfix(epoch=epoch, loss=f"{losses[-1]:.3f}")
            bar.update()
    model.to_disk(output)
    return losses


def _read(
    inputs: List[Path], lines: bool, text_field: str, silent: bool
) -> Iterator[str]:
    others = [path for path in inputs if path.suffix != SUFFIX]
    found = chain(
        _read_corpora([path for path in inputs if path.suffix == SUFFIX]),
        read_texts(others, lines=lines, text_field=text_field),
    )
    for text in found:
        if isinstance(text, Text):
            yield text.text
        # Notes are on ids and the like, with which nothing is done.
        elif isinstance(text, Fault) and not silent:
            msg.warn(f"{text.source}: {text.reason}")


def _read_corpora(paths: Iterable[Path]) -> Iterator[Union[Text, Fault]]:
    for path in map(check_input, paths):
        if isinstance(path, Fault):
            yield path
            continue
        try:
            docs = read_doc_bin(path)
        except ValueError as error:
            yield Fault(path.as_posix(), str(error))
            continue
        # One a file, or the words of all would pile up in it.
        for number, doc in enumerate(docs.get_docs(Vocab()), 1):
            source = f"{path.as_posix()}:{number}"
            yield Text(source, source, doc.text)
