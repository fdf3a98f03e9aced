"""The tests. Each process computes on one core: `make test` runs as many as there are cores."""

import os

# Read when NumPy and TensorFlow are imported, here and in the processes that tests start.
for _variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
):
    os.environ.setdefault(_variable, "1")

# Ray's processes would step back behind all other work on the machine, and seem to hang.
os.environ.setdefault("RAY_worker_niceness", "0")
