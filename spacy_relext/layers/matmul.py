from thinc.api import torch2xp, xp2torch
from thinc.types import FloatsXd


def matmul(A: FloatsXd, B: FloatsXd) -> FloatsXd:
    """The product of two matrices, or of two stacks of them, by torch.

    The encoder's products are torch's, and torch has threads for them. Another library
    on a CPU brings threads of its own, and each waits for the other's; Thinc's product
    (blis) has one thread.

    A, B (FloatsXd): The factors, of one array library and type.
    RETURNS (FloatsXd): The product, of the same array library.
    """
    return torch2xp(xp2torch(A) @ xp2torch(B))
