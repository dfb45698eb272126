import os
import signal
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import count, islice

import pytest

from spacy_relext.workers import map_batches


class Double:
    """In its place a pipeline would be loaded."""

    def __init__(self):
        self.process = os.getpid()

    def __call__(self, batch):
        assert os.getpid() == self.process
        if batch == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if batch == "fail":
            raise ValueError("not this one")
        return 2 * batch


def fail_to_build():
    raise ValueError("no such pipeline")


@pytest.mark.parametrize("n_process", [1, 2])
def test_results_come_in_order_and_only_as_they_are_taken(n_process):
    taken = []

    def batches():
        for number in count():
            taken.append(number)
            yield number

    results = map_batches(Double, batches(), n_process)
    assert list(islice(results, 9)) == list(range(0, 18, 2))
    results.close()
    assert len(taken) < 9 + 2 * n_process


def test_no_batches():
    assert list(map_batches(fail_to_build, [], 2)) == []


def test_what_goes_wrong_in_a_worker_is_told():
    with pytest.raises(ValueError, match="no such pipeline"):
        list(map_batches(fail_to_build, [1], 2))
    results = map_batches(Double, [1, "fail", 2], 2)
    assert next(results) == 2
    with pytest.raises(ValueError, match="not this one"):
        next(results)


class Unpicklable(ValueError):
    """As spaCy's errors in a config."""

    def __init__(self, *, title):
        super().__init__(f"told of {title}")


class Changing(OSError):
    """It would be told twice."""

    def __init__(self, title):
        super().__init__(f"told of {title}")


class OtherUnpicklable(Exception):
    def __init__(self, *, title):
        super().__init__(f"told of {title}")


def fail_with(error):
    raise error(title="a config")


@pytest.mark.parametrize(
    "error, kind",
    [(Unpicklable, ValueError), (Changing, OSError), (OtherUnpicklable, RuntimeError)],
)
def test_errors_that_cannot_be_pickled_are_told_too(error, kind):
    with pytest.raises(kind, match="^told of a config$"):
        list(map_batches(partial(fail_with, error), [1, 2, 3], 2))


def test_a_worker_that_is_killed_ends_the_work():
    with pytest.raises(BrokenProcessPool):
        list(map_batches(Double, [1, "kill", 2, 3, 4, 5], 2))
