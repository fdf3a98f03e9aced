"""The command line of the training package: commands, their options and their help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from cxr import __version__
from cxr.arguments import port
from training.config import LAST, SELECTABLE, Balance
from training.presets import PRESETS

_DEPLOY = """\
Put the page on a Space. Again with another model or another version of the code: the Space is
brought up to date; files that are not of an earlier deployment stay.

"""
HUB_RULES = """\
What the Hub asks of the account (July 2026): a free account cannot make a Gradio Space on
cpu-basic (it answers 402); an account older than 30 days has two ZeroGPU Spaces (--hardware zero);
PRO and Team accounts can make both. A Space sleeps after 48 hours without a visitor."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``python -m training``; its ``command`` names what to run."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train and measure models."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    fit = commands.add_parser(
        "fit",
        help="train a network and write its bundle",
        description="Train a network. An interrupted fit goes on where it stopped when the same "
        "command is given again.",
    )
    _add_training_options(fit, out="folder of the run")
    fit.add_argument(
        "--cross-validation",
        type=Path,
        metavar="CV",
        help="folder of a cross-validation of the same settings: all films are trained on, and "
        "thresholds, calibration and figures come from there",
    )
    fit.add_argument(
        "--elsewhere",
        type=Path,
        metavar="CV",
        help="with --cross-validation: folder of another one --by typicality or acquisition, whose "
        "held-out films stand for films taken otherwise. Thresholds and calibration hold for both",
    )
    _add_tensorboard_option(fit)
    fit.add_argument(
        "--credit", default="", help="who drew the outlines, as the model's card has to say"
    )
    fit.add_argument("--name", default="cxr-cnn-lstm", help="name of the model")
    fit.add_argument("--model-version", default=__version__, help="version of the model")

    tune = commands.add_parser(
        "tune",
        help="look for a better configuration by many short fits",
        description="Trials of short fits on settings that Optuna proposes; those that do badly "
        "are ended early. Goes on with the study that there is. Several processes may share one "
        "--storage.",
    )
    _add_training_options(tune, out="folder of the trials")
    how_many = tune.add_mutually_exclusive_group(required=True)
    how_many.add_argument("--trials", type=_positive, help="to run in this process")
    how_many.add_argument(
        "--until", type=_positive, metavar="TRIALS", help="to have ended, of all processes together"
    )
    tune.add_argument(
        "--storage", metavar="URL", help="database of the study, instead of OUT/study.db"
    )

    _add_tensorboard_option(tune)

    cross = commands.add_parser(
        "cross-validate",
        help="score every film with a network that never saw its patient",
        description="Fit a network for each fold, score the films that it was not shown, and a "
        "sample of them under shifts of gamma, contrast, blur and so on. Goes on where it stopped.",
    )
    _add_training_options(cross, out="folder of the cross-validation")
    cross.add_argument(
        "--by",
        choices=("patient", "acquisition", "typicality"),
        default="patient",
        help="how films are parted: at random by patient, into groups that were taken alike, or "
        "from the least to the most typical of how their class was taken",
    )
    cross.add_argument("--folds", type=_positive, default=5)
    cross.add_argument("--only", type=_positive, nargs="+", help="numbers of the folds to fit")
    cross.add_argument(
        "--shift-films", type=_positive, default=1000, help="films scored under each shift"
    )

    evaluate = commands.add_parser(
        "evaluate",
        help="measure a bundle on labelled films and write a report",
        description="Measure a bundle on a folder that holds NORMAL and PNEUMONIA, or on a CSV of "
        "path and label.",
    )
    _add_measuring_options(evaluate, out="folder of the report")
    evaluate.add_argument("--against", type=Path, help="another bundle, on the same films")
    evaluate.add_argument("--positive", help="the label of a CSV that counts as pneumonia")
    evaluate.add_argument("--skip-unreadable", action="store_true")

    explain = commands.add_parser(
        "explain-check",
        help="put a bundle's heatmaps to the test",
        description="Randomisation, deletion and insertion, and repeatability, for each heatmap "
        "method; and where the heat lies, against outlines of lungs and opacities.",
    )
    _add_measuring_options(explain, out="folder of the figures")
    explain.add_argument("--films", type=_positive, default=100, help="films with pneumonia")
    explain.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and lung_mask, of images of the data: heat in the lungs, and opacities "
        "planted in them",
    )
    explain.add_argument(
        "--opacities",
        type=Path,
        metavar="TABLE",
        help="a CSV of image, opacity_mask and lung_mask, of other images",
    )
    explain.add_argument(
        "--adults",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and label, normal or a disease",
    )
    explain.add_argument(
        "--held-out",
        action="store_true",
        help="only patients that no fit learns from: those of examples/held_out.txt",
    )

    card = commands.add_parser(
        "card", help="add figures to a bundle and write its card anew; the model stays the same"
    )
    card.add_argument("--model", type=Path, required=True, help="the bundle")
    card.add_argument("--explanation", type=Path, help="explanation.json of explain-check")
    card.add_argument("--typicality", type=Path, help="cross_validation.json --by typicality")
    card.add_argument("--acquisition", type=Path, help="cross_validation.json --by acquisition")
    card.add_argument("--baseline", type=Path, help="cross_validation.json of the baseline")
    card.add_argument("--external", type=Path, help="report.json of films from elsewhere")
    card.add_argument("--official-test", type=Path, help="figures on the official test split")

    publish = commands.add_parser(
        "publish", help="put a run's bundle on the Hugging Face Hub, in one commit"
    )
    publish.add_argument("run", type=Path, metavar="RUN", help="a finished run, or a bundle")
    publish.add_argument("--repo", required=True, metavar="NAME/REPO", help="made if missing")
    publish.add_argument("--tag", help="name for the commit, as v1")
    publish.add_argument("--private", action="store_true", help="make a new repository private")
    publish.add_argument(
        "--dry-run", action="store_true", help="list files, sizes and the card; send nothing"
    )

    deploy = commands.add_parser(
        "deploy",
        help="put the page on a Hugging Face Space, with one model pinned to a commit",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DEPLOY + HUB_RULES,
    )
    deploy.add_argument("--space", required=True, metavar="NAME/SPACE", help="made if missing")
    deploy.add_argument("--model", required=True, metavar="NAME/REPO@REVISION")
    deploy.add_argument("--hardware", choices=("cpu", "zero"), default="cpu")

    gate = commands.add_parser(
        "fit-gate",
        aliases=["fit-lungs"],
        help="make the gate, which tells frontal chest radiographs from other pictures",
        description="Fit the lung network, score every picture by one that never saw it, set the "
        "limits by that, and write the gate. Goes on where it stopped.",
    )
    gate.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    gate.add_argument(
        "--lungs", type=Path, required=True, help="a CSV of image and lung_mask, of adults' films"
    )
    gate.add_argument(
        "--others", type=Path, required=True, help="a CSV of path: pictures of anything else"
    )
    gate.add_argument("--out", type=Path, required=True, help="folder of networks and figures")
    gate.add_argument("--folds", type=_folds, default=4)
    gate.add_argument(
        "--epochs", type=_positive, nargs=2, default=(7, 9), help="of the two rounds of a fit"
    )

    studio = commands.add_parser(
        "studio",
        help="a page to check data, train, tune, compare and publish",
        description="A page on this machine, and for it alone. What it runs are commands of this "
        "package, in processes of their own: they go on when the page is closed.",
    )
    studio.add_argument("--data", type=Path, help="the data folder to begin with")
    _add_runs_option(studio)
    studio.add_argument("--port", type=port, help="instead of the first free one from 7860 on")
    studio.add_argument(
        "--listen",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="listen beyond this machine, as 0.0.0.0; the page then asks for a password",
    )
    studio.add_argument("--no-browser", action="store_true", help="do not open a browser")

    work = commands.add_parser(
        "work",
        help="run what the studio has queued, without its page",
        description="Run what waits, one after the other, until nothing does.",
    )
    _add_runs_option(work)

    use = commands.add_parser(
        "use",
        help="make a run's model the one that page and command line use on this machine",
        description="Copy a run's model to where app.py, classify and the library look for it "
        "where no other is named. What is in use is on the page's last line.",
    )
    which = use.add_mutually_exclusive_group(required=True)
    which.add_argument("run", type=Path, nargs="?", metavar="RUN", help="a run, or a bundle")
    which.add_argument("--bundled", action="store_true", help="the one that comes with the code")

    composites = commands.add_parser(
        "composites", help="make the example radiographs from a data folder"
    )
    composites.add_argument("--data", type=Path, required=True)
    composites.add_argument("--out", type=Path, required=True)

    walkthrough = commands.add_parser(
        "walkthrough", help="run the notebook from top to bottom, and keep what comes out in it"
    )
    walkthrough.add_argument("--data", type=Path, required=True, help="the data folder")
    walkthrough.add_argument("--run", type=Path, required=True, help="folder of its run; a new one")
    walkthrough.add_argument("--out", type=Path, required=True, help="the notebook that is written")
    return parser


def _add_training_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument(
        "--preset",
        default="default",
        metavar="NAME | FILE",
        help=f"{', '.join(sorted(PRESETS))}, or a JSON file of one",
    )
    parser.add_argument(
        "--lungs",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and lung_mask, outlines that people drew; also of images beyond DIR, "
        "normal where their label says so. Without them the gate outlines the lungs",
    )
    parser.add_argument(
        "--opacities",
        type=Path,
        nargs="+",
        default=(),
        metavar="TABLE",
        help="CSVs of image and opacity_mask, or of image, x, y, width and height: where disease "
        "is on images of DIR, beside the opacities that are planted",
    )
    parser.add_argument("--epochs", type=_positive, help="instead of the preset's")
    parser.add_argument("--batch-size", type=_positive, help="instead of the preset's")
    parser.add_argument("--learning-rate", type=_rate, help="instead of the preset's")
    parser.add_argument("--seed", type=_seed, help="instead of the preset's")
    parser.add_argument(
        "--balance", choices=get_args(Balance), help="of the classes, instead of the preset's"
    )
    parser.add_argument(
        "--select-by",
        choices=(LAST, *SELECTABLE),
        metavar="METRIC",
        help=f"keep the best epoch by this, instead of the preset's: {LAST}, "
        f"{', '.join(SELECTABLE)}",
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave damaged files out, listing them"
    )


def _add_tensorboard_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="log there for TensorBoard, too"
    )


def _add_runs_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs: runs")


def _add_measuring_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    parser.add_argument("--model", type=Path, required=True, help="the bundle")
    parser.add_argument("--data", type=Path, required=True, help="labelled films")
    parser.add_argument("--out", type=Path, required=True, help=out)


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, received {text}")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, received {text}")
    return value


def _folds(text: str) -> int:
    value = _positive(text)
    if value < 2:
        raise argparse.ArgumentTypeError("expected 2 folds or more")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text}")
    return value
