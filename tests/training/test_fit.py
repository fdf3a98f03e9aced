"""A fit learns, can be killed and resumed, and ends in a bundle that answers."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from cxr.classifier import Classifier
from cxr.errors import RunError
from cxr.model.bundle import load_bundle
from cxr.reading.radiograph import read_radiograph
from tests.conftest import QUICK_FIT, ROOT
from training.__main__ import main
from training.commands import fit as fit_command
from training.commands.options import tensorboard_callbacks
from training.data.fingerprints import count_chosen_on, count_trained_on
from training.data.images import Splits
from training.fitting import fit as fit_module
from training.fitting.fit import fit
from training.fitting.loading import OutlineTables, load_splits
from training.fitting.prediction import predict_logits
from training.fitting.presets import load_preset, tiny
from training.fitting.run_folder import RunFolder, rounded
from training.metrics.evaluation import classification_metrics
from training.validation.mistakes import read_mistakes

pytestmark = pytest.mark.slow
EPOCHS = 8
# Learns what little there is to learn within these epochs.
CONFIG = dataclasses.replace(
    tiny.CONFIG,
    epochs=EPOCHS,
    small_fraction=0.25,
    batch_size=4,
    learning_rate=5e-3,
    ema_momentum=0.9,
    mixup_alpha=0.0,
)
Arguments = Callable[..., list[str]]


@pytest.fixture(scope="module")
def arguments(
    chest_images: Path, lungs_table: Path, tmp_path_factory: pytest.TempPathFactory
) -> Arguments:
    """What follows `python -m training` to fit into a folder, with further options."""
    preset = tmp_path_factory.mktemp("preset") / "preset.json"
    preset.write_text(json.dumps(CONFIG.to_json()))
    common = ["fit", "--data", str(chest_images), "--lungs", str(lungs_table)]

    def make(out: Path, *options: object) -> list[str]:
        return [*common, "--preset", str(preset), "--out", str(out), *map(str, options)]

    return make


@pytest.fixture(scope="module")
def splits(chest_images: Path, lungs_table: Path) -> Splits:
    return load_splits(CONFIG, chest_images, outlines=OutlineTables(lungs=(lungs_table,)))


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def wait_for_checkpoint(run: Path, process: subprocess.Popen[str], *, after: int) -> None:
    """Wait for the checkpoint of a later epoch than `after`."""
    deadline = time.monotonic() + 300
    while RunFolder(run).latest_checkpoint()[0] <= after:
        assert process.poll() is None, "the fit ended before its next checkpoint"
        assert time.monotonic() < deadline, "no checkpoint in five minutes"
        time.sleep(0.02)


def end(process: subprocess.Popen[str], stop: signal.Signals) -> str:
    """Send the signal until the process ends, since an interrupt can be lost; what it printed."""
    while True:
        process.send_signal(stop)
        try:
            return process.communicate(timeout=1)[0]
        except subprocess.TimeoutExpired:
            continue


class InterruptAfter(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if epoch + 1 == self.epoch:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def finished(arguments: Arguments, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted where its images become larger, and went on.

    It is logged for TensorBoard in the folder `logs` beside it.
    """
    out = tmp_path_factory.mktemp("runs") / "whole"
    command = arguments(out, "--tensorboard", out.parent / "logs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            fit_command,
            "tensorboard_callbacks",
            lambda *options, **run: [*tensorboard_callbacks(*options, **run), InterruptAfter(2)],
        )
        assert main(command) == 130
    assert len(history(out)) == 2
    assert main(command) == 0
    return out


# A small network: three processes fit it.
LONG = dataclasses.replace(QUICK_FIT, epochs=12)


@pytest.mark.usefixtures("_heeds_interrupts")
def test_an_interrupted_fit_goes_on_where_it_stopped(chest_images: Path, tmp_path: Path) -> None:
    out, preset = tmp_path / "run", tmp_path / "preset.json"
    preset.write_text(json.dumps(LONG.to_json()))
    command = [sys.executable, "-m", "training", "fit", "--data", str(chest_images)]
    command += ["--preset", str(preset), "--out", str(out)]
    interrupted = 0
    for stop in (signal.SIGINT, signal.SIGKILL):  # Ctrl-C, and a kill of the fit that went on
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            wait_for_checkpoint(out, process, after=interrupted)
            printed = end(process, stop)
        assert interrupted < len(history(out)) < LONG.epochs, stop
        assert not (out / "bundle").exists()
        interrupted = len(history(out))
    assert "going on after epoch" in printed

    splits = load_splits(LONG, chest_images)
    fit(LONG, splits, RunFolder(out))
    whole = RunFolder(tmp_path / "whole")
    whole.start(LONG, chest_images, splits)
    fit(LONG, splits, whole)
    rows = history(out)
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(LONG.epochs)]
    # The seed decides all that is random, and the checkpoint holds the rest: both end alike.
    for row, expected in zip(rows, history(whole.folder), strict=True):
        for name, value in row.items():
            if name == "seconds":
                continue
            assert float(value) == pytest.approx(float(expected[name]), rel=1e-3), name


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
    # An image of these is none to the gate, which `predict` would ask.
    probability, heatmap = Classifier(bundle).predict_ungated(read_radiograph(image))
    assert 0 <= probability <= 1
    assert heatmap.shape == (48, 48)


def test_the_same_command_on_a_finished_run_trains_nothing(
    arguments: Arguments, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_bundle(finished / "bundle").sha256
    assert main(arguments(finished)) == 0
    printed = capsys.readouterr().out
    assert "finished already" in printed
    assert "eatmaps" in printed.partition("planted_hit")[0]  # measured on the validation split
    assert load_bundle(finished / "bundle").sha256 == before


def test_what_was_measured_later_outlasts_the_same_command(
    arguments: Arguments, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "run"
    shutil.copytree(finished, copied)
    bundle = load_bundle(copied / "bundle")
    result = bundle.evaluation["result"]
    report = tmp_path / "report.json"
    measured = {"model": bundle.identity(), "data": {"name": "ward/1", "positive": "sick"}}
    report.write_text(json.dumps({**result, **measured}))
    assert main(["card", "--model", str(bundle.folder), "--external", str(report)]) == 0
    card = (bundle.folder / "README.md").read_text()
    assert "ward/1: 12 images of another population" in card
    assert main(arguments(copied)) == 0
    assert (bundle.folder / "README.md").read_text() == card
    # Under another name it is another model, of which nothing was measured.
    assert main(arguments(copied, "--name", "other")) == 0
    assert "left out: external" in capsys.readouterr().out
    assert "external" not in load_bundle(bundle.folder).evaluation

    # Images that it was trained on are not another population.
    measured["data"]["trained_on"] = 3
    report.write_text(json.dumps({**result, **measured}))
    assert main(["card", "--model", str(finished / "bundle"), "--external", str(report)]) == 2
    assert "was trained on 3 of its images" in capsys.readouterr().err
    measured["data"].update(trained_on=0, chosen_on=12)
    report.write_text(json.dumps({**result, **measured}))
    assert main(["card", "--model", str(finished / "bundle"), "--external", str(report)]) == 2
    assert "has thresholds chosen on 12 of its images" in capsys.readouterr().err


def test_a_bundle_knows_the_images_of_both_its_splits(finished: Path, splits: Splits) -> None:
    bundle = load_bundle(finished / "bundle")
    for split, expected in ((splits.train, (36, 0)), (splits.validation, (0, 12))):
        trained_on = count_trained_on(bundle, split.images, split.records)
        assert (trained_on, count_chosen_on(bundle, split.images)) == expected


@pytest.mark.parametrize(
    ("command", "option"),
    [(["tune", "--trials", "1"], "--learning-rate"), (["cross-validate"], "--select-by")],
)
def test_what_a_command_would_not_heed_is_refused(
    command: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--data", "x", "--out", "y", option, "1"])
    assert f"unrecognized arguments: {option}" in capsys.readouterr().err


def test_another_configuration_in_the_same_folder_is_refused(
    arguments: Arguments, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(finished, "--seed", 7)) == 2
    assert "started with another seed" in capsys.readouterr().err


def test_a_lower_floor_does_not_train_again(
    chest_images: Path, splits: Splits, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(CONFIG, chest_images, splits)
    lower = dataclasses.replace(
        CONFIG, floor=dataclasses.replace(CONFIG.floor, planted_hit=CONFIG.floor.planted_hit / 2)
    )
    folder.start(lower, chest_images, splits)
    assert load_preset(str(folder.config)) == lower


def test_a_folder_that_is_no_run_is_left_as_it_was(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "checkpoints" / "epoch-0001.weights.h5"
    kept.parent.mkdir()
    kept.write_bytes(b"somebody's own")
    assert main(arguments(tmp_path)) == 2
    assert "holds files, but no run that could be resumed" in capsys.readouterr().err
    assert kept.read_bytes() == b"somebody's own"


def test_a_wrong_folder_is_one_clear_line(
    arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(tmp_path / "run", "--data", tmp_path / "nowhere")) == 2
    said = capsys.readouterr().err
    assert "nowhere: expected a folder with train or val in it" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_fit_learns(finished: Path) -> None:
    first, *_, last = RunFolder(finished).read_history(EPOCHS)
    assert first["val_loss"] > 0.6
    assert last["val_loss"] < 0.4
    assert last["val_accuracy"] > 0.9


def test_a_run_keeps_its_worst_mistakes_and_the_bundle_none(finished: Path) -> None:
    evaluation = load_bundle(finished / "bundle").evaluation
    (_, false_positives), (false_negatives, _) = evaluation["result"]["confusion"]
    labels = [mistake.label for mistake in read_mistakes(finished)]
    assert labels == [1] * min(false_negatives, 12) + [0] * min(false_positives, 12)
    assert (finished / "mistakes.png").exists()
    assert not list((finished / "bundle").glob("mistakes*"))


# --- The epoch that is kept, and who may write ----------------------------------------------------

# A high rate, and no average: epochs differ, and the first with an AUC of 1 is not the last.
RESTLESS = dataclasses.replace(
    QUICK_FIT,
    epochs=6,
    batch_size=4,
    learning_rate=0.01,
    optimizer="adam",  # which averages nothing, whatever the momentum says
    select_by="val_auc",
)


def test_the_best_epochs_weights_are_kept_also_over_an_interruption(
    chest_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced = []
    train_step = keras.Model.train_step
    monkeypatch.setattr(
        keras.Model, "train_step", lambda *step: [traced.append(1), train_step(*step)][1]
    )
    splits = load_splits(RESTLESS, chest_images)
    folder = RunFolder(tmp_path / "run")
    folder.start(RESTLESS, chest_images, splits)
    with pytest.raises(KeyboardInterrupt):
        fit(RESTLESS, splits, folder, callbacks=[InterruptAfter(5)])
    network = fit(RESTLESS, splits, folder)
    assert len(traced) == 2  # each fit traces its step once, which takes seconds

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


def test_a_cross_validation_chooses_no_epoch(
    chest_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "preset.json"
    preset.write_text(json.dumps({**tiny.CONFIG.to_json(), "select_by": "val_auc"}))
    options = ["--data", str(chest_images), "--out", str(tmp_path / "cv")]
    assert main(["cross-validate", *options, "--preset", str(preset)]) == 2
    assert "nothing could choose the epoch" in capsys.readouterr().err
    assert not (tmp_path / "cv").exists()


def test_a_run_of_the_version_before_goes_on(
    chest_images: Path, splits: Splits, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(tiny.CONFIG, chest_images, splits)
    document = json.loads(folder.config.read_text())
    del document["training"]["balance"], document["training"]["select_by"]
    document["training"]["balance_classes"] = True
    folder.config.write_text(json.dumps(document))
    folder.start(tiny.CONFIG, chest_images, splits)
    # Its history has no seconds yet.
    folder.save_history([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25, "seconds": 7.0}])
    first, second = folder.read_history(2)
    assert math.isnan(first["seconds"])
    assert second == {"epoch": 2.0, "loss": 0.25, "seconds": 7.0}


def test_a_folder_that_holds_nothing_but_a_lock_is_free(
    chest_images: Path, splits: Splits, tmp_path: Path
) -> None:
    (tmp_path / ".lock").touch()
    RunFolder(tmp_path).start(tiny.CONFIG, chest_images, splits)


def test_a_fit_that_diverges_says_so(
    chest_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With answers that are no numbers, thresholds and metrics would fail in odd ways."""
    monkeypatch.setitem(
        fit_module._LOSSES, "logit", lambda _, logits: keras.ops.sum(logits) * math.nan
    )
    folder = RunFolder(tmp_path / "run")
    config = dataclasses.replace(QUICK_FIT, epochs=2)
    splits = load_splits(config, chest_images)
    folder.start(config, chest_images, splits)
    with pytest.raises(RunError, match=r"the training diverged.*lower learning rate"):
        fit(config, splits, folder)


def test_a_damaged_checkpoint_is_said(chest_images: Path, tmp_path: Path) -> None:
    """As a power cut may leave it."""
    folder = RunFolder(tmp_path / "run")
    config = dataclasses.replace(QUICK_FIT, epochs=2)
    splits = load_splits(config, chest_images)
    folder.start(config, chest_images, splits)
    with pytest.raises(KeyboardInterrupt):
        fit(config, splits, folder, callbacks=[InterruptAfter(1)])
    (_, checkpoint) = folder.latest_checkpoint()
    assert checkpoint
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    with pytest.raises(RunError, match=r"epoch-0001\.weights\.h5: is damaged .* Delete it"):
        fit(config, splits, folder)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"training": [], "data": {}}'])
def test_a_folder_whose_config_is_none_of_a_run(
    chest_images: Path, splits: Splits, tmp_path: Path, content: str
) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=r"config\.json: "):
        RunFolder(tmp_path).start(tiny.CONFIG, chest_images, splits)


def test_two_processes_never_fit_one_run(
    chest_images: Path, splits: Splits, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.start(tiny.CONFIG, chest_images, splits)
    with folder.locked(), pytest.raises(RunError, match="another process is fitting this run"):
        fit(tiny.CONFIG, splits, folder)


def test_tensorboard_reads_what_the_history_says(finished: Path) -> None:
    events = EventAccumulator(str(finished.parent / "logs" / finished.name))
    events.Reload()
    rows = history(finished)
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
