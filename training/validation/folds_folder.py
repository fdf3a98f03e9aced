"""The files of a cross-validation, and the tables of scores among them.

OUT/config.json             configuration, images and folds
OUT/fold-1/ …               a run folder for each fold (see run_folder.py), and in it:
OUT/fold-1/held_out.csv     logits of the images that this fold holds out, reserved ones among them
OUT/fold-1/perturbed.csv    logits of a sample of them under each perturbation (perturbations.py)
OUT/out_of_fold.csv         the held-out images of all folds
OUT/cross_validation.json   figures: all images, each fold, each perturbation
OUT/mistakes.csv …          the worst mistakes; see mistakes.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.files import write_text
from training.fitting.run_folder import RunFolder

# Patients' ids are kept as text: "0012" is not 12, and "NA" is not a missing value.
_TYPES = {
    "path": str,
    "patient": str,
    "kind": str,
    "label": int,
    "logit": float,
    "fold": int,
    "reserved": int,
    "perturbation": int,
}


class FoldsFolder:
    """One cross-validation on disk."""

    def __init__(self, folder: Path) -> None:
        """Refer to a cross-validation; nothing is read or written yet."""
        self.folder = folder
        self.config = folder / "config.json"
        self.result = folder / "cross_validation.json"
        self._out_of_fold = folder / "out_of_fold.csv"

    def run(self, number: int) -> RunFolder:
        """The run of a fold, by its number from 1."""
        return RunFolder(self.folder / f"fold-{number}")

    def held_out(self, number: int) -> Path:
        """The scores of a fold's images."""
        return self.run(number).folder / "held_out.csv"

    def perturbed(self, number: int) -> Path:
        """The scores of perturbed ones; written last, so that a fold that has it is finished."""
        return self.run(number).folder / "perturbed.csv"

    def finished(self, numbers: Sequence[int]) -> list[int]:
        """Those of the folds that are finished."""
        return [number for number in numbers if self.perturbed(number).exists()]

    def read_held_out(self, numbers: Sequence[int]) -> pd.DataFrame:
        """The scores of some folds' images, in order of their paths.

        They have the columns path, label, patient, kind, fold, reserved and logit.
        """
        return _joined([self.held_out(number) for number in numbers]).sort_values("path")

    def read_perturbed(self, numbers: Sequence[int]) -> pd.DataFrame:
        """The scores of some folds' perturbed images: the same columns, and perturbation."""
        return _joined([self.perturbed(number) for number in numbers])

    def save_out_of_fold(self, scores: pd.DataFrame) -> None:
        """Keep the scores of all folds' images."""
        write_text(self._out_of_fold, scores.to_csv(index=False, float_format="%.6f"))

    def read_out_of_fold(self) -> pd.DataFrame:
        """The scores that were kept last.

        Raises:
            OSError: there are none.
        """
        return _read(self._out_of_fold)


def _joined(paths: Sequence[Path]) -> pd.DataFrame:
    tables = [_read(path) for path in paths]
    if any("reserved" in table for table in tables):  # a fold of 0.20 has no such column
        tables = [table.assign(reserved=table.get("reserved", 0)) for table in tables]
    return pd.concat([table for table in tables if len(table)] or tables)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=_TYPES, keep_default_na=False)
