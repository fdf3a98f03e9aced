"""What several commands print."""

from __future__ import annotations

from cxr.messages import text
from training.metrics.documents import Comparison


def print_comparison(found: Comparison) -> None:
    """Print the differences of two models, and whether they could be chance."""
    for name, value in found["difference"].items():
        low, high = found["intervals"][name]
        print(f"Difference in {name}: {value:+.4f}  ({low:+.4f} to {high:+.4f})")
    tests = {"AUC, DeLong": found["delong_p"], "predictions, McNemar": found["mcnemar"]["p"]}
    for name, p in tests.items():
        print(f"{name} p = {p:.2g}" if p is not None else f"{name}: cannot be tested here")
    if not found["independent"]:
        print(text("measured_no_tests", "en"))
