import os
from functools import partial

import torch
from thinc.api import torch2xp
from thinc.types import FloatsXd

# A forked process, as of `nlp.pipe(n_process=2)`, has none of the threads that torch
# started before, and its first product would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def matmul(A: FloatsXd, B: FloatsXd) -> FloatsXd:
    """The product of two matrices, or of two stacks of them, by torch.

    The encoder's products are torch's, and torch has threads for them. Another library
    on a CPU brings threads of its own, and each waits for the other's; Thinc's product
    (blis) has one thread.

    A, B (FloatsXd): The factors, of one array library and type. They are not copied.
    RETURNS (FloatsXd): The product, of the same array library.
    """
    return torch2xp(torch.as_tensor(A) @ torch.as_tensor(B))
