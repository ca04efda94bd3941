# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's peak in the same run: products of two 2048 × 2048 matrices, by numpy's OpenBLAS or by torch."""
import sys

import numpy as np
import torch

from peers.worker import THREADS, say, serve

VARIANTS = ["numpy", "torch"]
N = 2048
FLOPS = 2.0 * N ** 3


def main():
    torch.set_num_threads(THREADS)
    a = np.random.default_rng(1).standard_normal((N, N), dtype=np.float32)
    b, c = torch.from_numpy(a), torch.empty(N, N)
    once = (lambda: np.matmul(a, a)) if sys.argv[3] == "numpy" else (lambda: torch.mm(b, b, out=c))
    once()
    say(version=np.__version__ if sys.argv[3] == "numpy" else torch.__version__)
    serve(once)


if __name__ == "__main__":
    main()
