import signal
import string
from contextlib import contextmanager
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, settings
from transformers import BertConfig, BertModel, BertTokenizerFast
from wasabi.util import wrap

# How long an example takes tells of the machine, and of what else it does.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """The path of a BERT with random weights, whose word pieces are characters and
    pairs of letters."""
    path = tmp_path_factory.mktemp("encoder")
    characters = [c for c in string.printable if not c.isspace()]
    pairs = [a + b for a in string.ascii_lowercase for b in string.ascii_lowercase]
    pieces = [*characters, *pairs]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]
    vocab.extend(f"##{piece}" for piece in pieces)
    (path / "vocab.txt").write_text("\n".join(vocab), encoding="utf8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=256,
    )
    BertModel(config).save_pretrained(path)
    BertTokenizerFast(str(path / "vocab.txt")).save_pretrained(path)
    return path


@pytest.fixture(scope="session", autouse=True)
def long_lines():
    """Messages are not broken, wherever a path in them would fall."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wasabi.printer.wrap", partial(wrap, wrap_max=1000))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tests are small: more threads only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def small_disk():
    """What limits the size of every file that is written meanwhile, in bytes: beyond it
    writing fails, as on a disk that is full."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limit(n_bytes):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        # Which would end the process.
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limit
