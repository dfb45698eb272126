"""Work spread over processes that never hang."""

import os
import pickle
import signal
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Callable, Deque, Iterable, Iterator, Optional, TypeVar

import torch

Batch = TypeVar("Batch")
Result = TypeVar("Result")

# What a process does with a batch, and how it comes by that. Both are set in workers only.
_build: Optional[Callable[[], Callable]] = None
_function: Optional[Callable] = None


def map_batches(
    build: Callable[[], Callable[[Batch], Result]],
    batches: Iterable[Batch],
    n_process: int = 1,
) -> Iterator[Result]:
    """Apply a function to batches, in order, and no faster than results are taken.

    build (Callable[[], Callable[[Batch], Result]]): Makes the function, in each process
        anew. Workers are started from nothing, as a copy of a process in which torch has
        threads waits for them for ever: so `build`, batches and results are to be plain
        values that can be pickled, and no pipeline or doc.
    batches (Iterable[Batch]): The batches.
    n_process (int): Number of processes; with 1 it is this one.
    YIELDS (Result): One result a batch.
    RAISES (BrokenProcessPool): Where a worker was killed.
    """
    if n_process == 1:
        yield from map(build(), batches)
        return
    pool = ProcessPoolExecutor(
        n_process, get_context("spawn"), initializer=_start, initargs=(build, n_process)
    )
    pending: Deque[Future] = deque()
    try:
        for batch in batches:
            pending.append(pool.submit(_work, batch))
            # One batch a process to work on, and one to begin with afterwards.
            if len(pending) >= 2 * n_process:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start(build: Callable[[], Callable], n_process: int) -> None:
    global _build
    _build = build
    # It is the parent that Ctrl+C stops, and whose end ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    n_threads = max(1, (os.cpu_count() or 1) // n_process)
    torch.set_num_threads(min(n_threads, torch.get_num_threads()))


def _work(batch: Batch) -> Result:
    # Not in `_start`: what goes wrong there would reach nobody.
    global _function
    try:
        if _function is None:
            _function = _build()
        return _function(batch)
    except Exception as error:
        if _is_portable(error):
            raise
        kinds = (kind for kind in (ValueError, OSError) if isinstance(error, kind))
        raise next(kinds, RuntimeError)(str(error)) from error


def _is_portable(error: Exception) -> bool:
    """Whether it would reach the parent as it is. One that can't be unpickled ends the
    pool, as if a worker had been killed."""
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)
    except Exception:
        return False


def _end_with_parent() -> None:
    parent_process().join()
    os._exit(1)
