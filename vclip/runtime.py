"""One core for each request.

Torch shares an operation among all cores by default, and its threads wait for each other at every
one of the thousands that a sentence takes. Where somebody else has work on one of the cores they
wait long: on two cores, one of them busy, the first sound of a paragraph took 1.4 s with two
threads and 0.09 s with one. Two requests still use two cores.
"""

import os

import torch


def use_one_each() -> None:
    """For programs that serve or speak; OMP_NUM_THREADS in the environment decides otherwise."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
