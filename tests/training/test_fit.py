"""A fit learns, can be killed and resumed, and ends in a bundle that answers."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from cxr.classifier import Classifier
from cxr.errors import RunError
from cxr.model.bundle import load_bundle
from cxr.reading.radiograph import read_radiograph
from tests.conftest import ROOT
from training.data.images import load_splits
from training.fitting.fit import fit
from training.fitting.prediction import predict_logits
from training.fitting.presets import tiny
from training.fitting.run_folder import RunFolder, rounded
from training.metrics.evaluation import classification_metrics

pytestmark = pytest.mark.slow
EPOCHS = 6


def command(data: Path, out: Path, *options: str) -> list[str]:
    fit = [sys.executable, "-m", "training", "fit", "--data", str(data), "--out", str(out)]
    return [*fit, "--preset", "tiny", "--epochs", str(EPOCHS), *options]


def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments),  # type: ignore[arg-type]
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def wait_for_checkpoint(run: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not list(run.glob("checkpoints/epoch-*.weights.h5")):
        assert process.poll() is None, "the fit ended before its first checkpoint"
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], stop: signal.Signals) -> None:
    """Send the signal until it is heard: an interrupt at an unlucky moment was once lost."""
    while True:
        process.send_signal(stop)
        try:
            process.communicate(timeout=2)
            return
        except subprocess.TimeoutExpired:
            continue


@pytest.fixture(scope="module")
def finished(chest_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(chest_images, out)
    return out


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT], ids=["kill", "Ctrl-C"])
def test_an_interrupted_fit_goes_on_where_it_stopped(
    chest_images: Path, tmp_path: Path, finished: Path, stop: signal.Signals
) -> None:
    out = tmp_path / "run"
    with subprocess.Popen(command(chest_images, out), cwd=ROOT, stderr=subprocess.PIPE) as process:
        wait_for_checkpoint(out, process)
        end(process, stop)
    interrupted = len(history(out))
    assert 1 <= interrupted < EPOCHS
    assert not (out / "bundle").exists()

    again = run(chest_images, out)
    assert "going on after epoch" in again.stdout + again.stderr
    rows = history(out)
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(EPOCHS)]
    # The seed decides all that is random, and the checkpoint holds the rest: both end alike.
    for row, whole in zip(rows, history(finished), strict=True):
        for name, value in row.items():
            if name == "seconds":
                continue
            assert float(value) == pytest.approx(float(whole[name]), rel=1e-3), name


def test_a_run_leaves_what_it_promises(finished: Path, chest_images: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {
        "config.json",
        "split.csv",
        "history.csv",
        "learning_curves.png",
        "network.weights.h5",
        "confusion_matrix.png",
        "roc_curve.png",
        "bundle",
    }
    config = json.loads((finished / "config.json").read_text())
    assert config["training"]["preset"] == "tiny"
    assert config["training"]["epochs"] == EPOCHS
    assert len(config["data"]["file_list_sha256"]) == 64
    assert {"python", "keras", "numpy", "backend"} <= set(config["versions"])
    with (finished / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    splits = {
        split: {r["patient"] for r in rows if r["split"] == split}
        for split in ("train", "validation")
    }
    assert not splits["train"] & splits["validation"]
    assert len(rows) == 48
    assert not list(finished.glob("checkpoints/*"))


def test_the_bundle_answers_and_says_what_it_was_measured_on(
    finished: Path, chest_images: Path
) -> None:
    bundle = load_bundle(finished / "bundle")
    assert bundle.evaluation["result"]["images"] == 12
    assert len(bundle.evaluation["history"]) == EPOCHS
    assert bundle.config["trained_on"]["images"] == 36
    metrics = bundle.evaluation["result"]["metrics"]
    assert f"{metrics['auc']:.4f}" in (bundle.folder / "README.md").read_text()
    image = next((chest_images / "train" / "PNEUMONIA").iterdir())
    # A image of these is none to the gate, which `predict` would ask.
    probability, heatmap = Classifier(bundle).answer(read_radiograph(image))
    assert 0 <= probability <= 1
    assert heatmap.shape == (48, 48)


def test_the_same_command_on_a_finished_run_trains_nothing(
    finished: Path, chest_images: Path
) -> None:
    before = load_bundle(finished / "bundle").sha256
    assert "finished already" in run(chest_images, finished).stdout
    assert load_bundle(finished / "bundle").sha256 == before


def test_another_configuration_in_the_same_folder_is_refused(
    finished: Path, chest_images: Path
) -> None:
    done = run(chest_images, finished, "--seed", "7", check=False)
    assert done.returncode == 2
    assert "started with another seed" in done.stderr


def test_a_folder_that_is_no_run_is_left_as_it_was(chest_images: Path, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoints" / "epoch-0001.weights.h5"
    kept.parent.mkdir()
    kept.write_bytes(b"somebody's own")
    done = run(chest_images, tmp_path, check=False)
    assert done.returncode == 2
    assert "holds files, but no run that could be resumed" in done.stderr
    assert kept.read_bytes() == b"somebody's own"


def test_a_wrong_folder_is_one_clear_line(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere", tmp_path / "run", check=False)
    assert done.returncode == 2
    assert "nowhere: expected a folder with train or val in it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_fit_learns(chest_images: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(
        tiny(), epochs=15, batch_size=4, learning_rate=5e-3, ema_momentum=0.9, mixup_alpha=0.0
    )
    folder = RunFolder(tmp_path / "run")
    splits = load_splits(config, chest_images)
    folder.start(config, chest_images, splits)
    fit(config, splits, folder)
    first, *_, last = folder.read_history(config.epochs)
    assert first["val_loss"] > 0.6
    assert last["val_loss"] < 0.4
    assert last["val_accuracy"] > 0.9


# --- The epoch that is kept, and who may write ----------------------------------------------------

# A high rate, and no average: epochs differ, and the first with an AUC of 1 is not the last.
RESTLESS = dataclasses.replace(
    tiny(),
    epochs=6,
    small_fraction=0.0,
    batch_size=4,
    learning_rate=0.03,
    optimizer="adam",  # which averages nothing, whatever the momentum says
    select_by="val_auc",
)


class InterruptAfter(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch + 1 == self.epoch:
            raise KeyboardInterrupt


def test_the_best_epochs_weights_are_kept_also_over_an_interruption(
    chest_images: Path, tmp_path: Path
) -> None:
    splits = load_splits(RESTLESS, chest_images)
    folder = RunFolder(tmp_path / "run")
    folder.start(RESTLESS, chest_images, splits)
    with pytest.raises(KeyboardInterrupt):
        fit(RESTLESS, splits, folder, callbacks=[InterruptAfter(5)])
    network = fit(RESTLESS, splits, folder)

    history = folder.read_history(RESTLESS.epochs)
    kept = RESTLESS.best_epoch(history)
    assert kept is not None
    assert kept < 5, "the interruption came before the best epoch: this test says nothing"
    logits = predict_logits(
        network, splits.validation.images, RESTLESS.preprocessing, flip_tta=RESTLESS.flip_tta
    )
    measured = dict(classification_metrics(splits.validation.labels, logits))
    assert measured["loss"] == pytest.approx(history[kept - 1]["val_loss"], rel=1e-3)
    assert not list(folder.checkpoints.iterdir())


def test_what_is_compared_is_what_is_on_record(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    first, again = (rounded({"epoch": n, "val_accuracy": 5 / 6}) for n in (1, 2))
    folder.save_history([first])
    (read,) = folder.read_history(9)
    assert read == first
    config = dataclasses.replace(RESTLESS, select_by="val_accuracy")
    assert config.best_epoch([read, again]) == 1  # the first of equals


def test_a_cross_validation_chooses_no_epoch(chest_images: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "cross-validate", "--select-by", "val_auc"]
    command += ["--data", str(chest_images), "--out", str(tmp_path / "cv"), "--preset", "tiny"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "nothing could choose the epoch" in done.stderr
    assert not (tmp_path / "cv").exists()


def test_a_run_of_the_version_before_goes_on(chest_images: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    splits = load_splits(tiny(), chest_images)
    folder.start(tiny(), chest_images, splits)
    document = json.loads(folder.config.read_text())
    del document["training"]["balance"], document["training"]["select_by"]
    document["training"]["balance_classes"] = True
    folder.config.write_text(json.dumps(document))
    folder.start(tiny(), chest_images, splits)
    # Its history has no seconds yet.
    folder.save_history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "seconds": 7.0}])
    first, second = folder.read_history(2)
    assert math.isnan(first["seconds"])
    assert second == {"epoch": 2.0, "loss": 0.25, "seconds": 7.0}


def test_a_folder_that_holds_nothing_but_a_lock_is_free(chest_images: Path, tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    RunFolder(tmp_path).start(tiny(), chest_images, load_splits(tiny(), chest_images))


def test_two_processes_never_fit_one_run(chest_images: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    splits = load_splits(tiny(), chest_images)
    folder.start(tiny(), chest_images, splits)
    with folder.held(), pytest.raises(RunError, match="another process is fitting this run"):
        fit(tiny(), splits, folder)


def test_tensorboard_reads_what_the_history_says(chest_images: Path, tmp_path: Path) -> None:
    done = run(chest_images, tmp_path / "mine", "--tensorboard", str(tmp_path / "logs"))
    assert done.returncode == 0
    events = EventAccumulator(str(tmp_path / "logs" / "mine"))
    events.Reload()
    rows = history(tmp_path / "mine")
    for tag, column in (
        ("loss/training", "loss"),
        ("auc/validation", "val_auc"),
        ("learning_rate", "learning_rate"),
    ):
        logged = events.Tensors(tag)
        assert [point.step for point in logged] == list(range(1, EPOCHS + 1))
        for point, row in zip(logged, rows, strict=True):
            value = float(make_ndarray(point.tensor_proto))
            assert value == pytest.approx(float(row[column]), rel=1e-4)
