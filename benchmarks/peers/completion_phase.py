"""The phase transition of `benchmarks/accuracy/completion.cpp` by masked CP of tensorly: the share of random 20 x 20 x 20 tensors of
rank 3 that are recovered (error of all entries below 1 %), by the share of entries known. Prints CSV.

    benchmarks/peers/completion_phase.py > tensorly.csv     (tensorly, numpy)
"""
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
import warnings

import numpy as np
import tensorly as tl
from tensorly.decomposition import parafac

warnings.simplefilter("ignore")
print("share,tensorly 0.10 (1000 iterations)")
for share in (0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3):
    won = 0
    for trial in range(10):
        random = np.random.default_rng(100 + trial)
        a, b, c = (random.standard_normal((20, 3)) for _ in range(3))
        x = np.einsum("ir,jr,kr->ijk", a, b, c)
        mask = np.zeros(8000, bool)
        mask[random.permutation(8000)[: round(8000 * share)]] = True
        mask = mask.reshape(x.shape)
        try:
            factors = parafac(tl.tensor(np.where(mask, x, 0)), 3, mask=tl.tensor(mask.astype(float)), init="random",
                              n_iter_max=1000, tol=1e-10, random_state=trial)
            y = tl.cp_to_tensor(factors)
            won += np.linalg.norm(y - x) < 0.01 * np.linalg.norm(x)
        except np.linalg.LinAlgError:
            pass
    print(f"{share},{won / 10}", flush=True)
