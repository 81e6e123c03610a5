"""The cases of `peers_checked.py`: functions of PyTorch, JAX, autograd and MyGrad, with the truth and hard points, by subject."""

from peer_cases.arrays import ARRAYS
from peer_cases.case import PEERS, Case
from peer_cases.elementwise import ELEMENTWISE
from peer_cases.matrices import MATRICES
from peer_cases.nets import NETS

SUBJECTS: dict[str, list[Case]] = {
    "functions of numbers": ELEMENTWISE,
    "arrays": ARRAYS,
    "matrices": MATRICES,
    "nets": NETS,
}

__all__ = ["PEERS", "SUBJECTS", "Case"]
