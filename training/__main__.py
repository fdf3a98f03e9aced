"""Train, measure and explain models: python -m training COMMAND --help."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from cxr import __version__
from cxr.errors import CXRError
from training.config import PRESETS, TrainingConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except CXRError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "The same command goes on after the last epoch."
        fits = options.command in ("fit", "cross-validate")
        print(f"\nInterrupted.{f' {again}' if fits else ''}", file=sys.stderr)
        return 130


def run_fit(options: argparse.Namespace) -> int:
    """Fit, then write the bundle."""
    from training.films import load_parts
    from training.fit import fit
    from training.run_folder import RunFolder

    config = _config(options)
    if options.cross_validation:
        config = dataclasses.replace(config, validation_fraction=0.0)
    parts = load_parts(config, options.data, skip_unreadable=options.skip_unreadable)
    estimate = None
    if options.cross_validation:
        from training.cross_validation import read_estimate

        estimate = read_estimate(options.cross_validation, config, parts.train.records)
    run = RunFolder(options.out)
    run.start(config, options.data, parts)
    network = fit(config, parts, run)

    import keras

    if keras.backend.backend() != "tensorflow":
        print(
            f"Trained: {run.weights}. Heatmaps need TensorFlow: run the same command with "
            "KERAS_BACKEND=tensorflow to write the bundle."
        )
        return 0
    from training.export import export

    bundle = export(
        config,
        parts,
        network,
        run,
        name=options.name,
        version=options.model_version,
        estimate=estimate,
    )
    print((bundle.folder / "README.md").read_text(encoding="utf-8"))
    print(f"Bundle: {bundle.folder}\nTry it: python app.py --model {bundle.folder}")
    return 0


def run_cross_validate(options: argparse.Namespace) -> int:
    """Fit a network for each fold, and score the films that it never saw."""
    from training.cross_validation import Plan, cross_validate
    from training.films import load_whole

    config = dataclasses.replace(_config(options), validation_fraction=0.0)
    whole, _ = load_whole(config, options.data, skip_unreadable=options.skip_unreadable)
    plan = Plan(
        by=options.by, folds=options.folds, shift_films=options.shift_films, seed=config.seed
    )
    document = cross_validate(config, whole, options.data, options.out, plan, only=options.only)
    metrics = document["result"]["metrics"]
    print(f"{document['source']}: AUC {metrics['auc']:.4f}")
    worst = min(document["shifts"][1:], key=lambda row: row["auc"], default=None)
    if worst:
        print(f"Worst shift: {worst['name']} {worst['strength']}, AUC {worst['auc']:.4f}")
    print(f"Figures: {options.out / 'cross_validation.json'}")
    return 0


def run_evaluate(options: argparse.Namespace) -> int:
    """Measure a bundle on labelled films."""
    from cxr.bundle import load_bundle
    from training.report import write_report

    document = write_report(
        load_bundle(options.model),
        options.data,
        options.out,
        against=load_bundle(options.against) if options.against else None,
        positive=options.positive,
        skip_unreadable=options.skip_unreadable,
    )
    for name, value in document["metrics"].items():
        low, high = document["intervals"][name]
        print(f"{name.replace('_', ' '):<20}{value:8.4f}  ({low:.4f} to {high:.4f})")
    if known := document["data"]["trained_on"]:
        print(f"The model was trained on {known:,} of these films, and remembers them.")
    print(f"Report: {options.out / 'report.html'}")
    return 0


def run_explain_check(options: argparse.Namespace) -> int:
    """Put a bundle's heatmaps to the test."""
    from cxr.bundle import load_bundle
    from training.explanation import write_explanation_check

    document = write_explanation_check(
        load_bundle(options.model),
        options.data,
        options.out,
        films=options.films,
        lungs=options.lungs,
    )
    for method, figures in document["methods"].items():
        print(f"{method}: {figures}")
    print(f"Figures: {options.out / 'explanation.json'}")
    return 0


def run_card(options: argparse.Namespace) -> int:
    """Add figures to a bundle and write its card anew."""
    from training.card import update_bundle

    bundle = update_bundle(
        options.model,
        sections={
            name: path
            for name in ("explanation", "typicality", "baseline", "external", "official_test")
            if (path := getattr(options, name))
        },
    )
    print(f"Card: {bundle.folder / 'README.md'}")
    return 0


def run_publish(options: argparse.Namespace) -> int:
    """Put a run's bundle on the Hub."""
    from training.publish import bundle_of, describe, publish

    publication = publish(
        options.run,
        options.repo,
        tag=options.tag,
        private=options.private,
        dry_run=options.dry_run,
    )
    if options.dry_run:
        card = (bundle_of(options.run) / "README.md").read_text(encoding="utf-8")
        print(describe(publication, card))
        return 0
    print(f"Published: {publication.url}")
    print(f"Use it: python app.py --model {publication.repo}@{options.tag or publication.commit}")
    return 0


def run_deploy(options: argparse.Namespace) -> int:
    """Put the page on a Space."""
    from training.deploy import deploy

    deployment = deploy(options.space, options.model, hardware=options.hardware)
    print(f"Space: {deployment.url}\nModel: {deployment.model}")
    print(f"{len(deployment.written)} files written, {len(deployment.deleted)} deleted.")
    print(_RULES)
    return 0


def run_composites(options: argparse.Namespace) -> int:
    """Write the example radiographs."""
    from training.composites import write_composites

    for path in write_composites(options.data, options.out):
        print(path)
    return 0


_COMMANDS = {
    "fit": run_fit,
    "cross-validate": run_cross_validate,
    "evaluate": run_evaluate,
    "explain-check": run_explain_check,
    "card": run_card,
    "publish": run_publish,
    "deploy": run_deploy,
    "composites": run_composites,
}


_DEPLOY = """\
Put the page on a Space. Again with another model or another version of the code: the Space is
brought up to date; files that are not of an earlier deployment stay.

"""
_RULES = """\
What the Hub asks of the account (July 2026): a free account cannot make a Gradio Space on
cpu-basic (it answers 402); an account older than 30 days has two ZeroGPU Spaces (--hardware zero);
PRO and Team accounts can make both. A Space sleeps after 48 hours without a visitor."""


def _config(options: argparse.Namespace) -> TrainingConfig:
    """The preset, with what the command line changes of it."""
    config = PRESETS[options.preset]()
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate", "seed")
        if (value := getattr(options, field)) is not None
    }
    return dataclasses.replace(config, **changes)


def _parser() -> argparse.ArgumentParser:
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
    fit.add_argument("--name", default="cxr-cnn-lstm", help="name of the model")
    fit.add_argument("--model-version", default=__version__, help="version of the model")

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
        description="Randomisation, deletion and insertion, repeatability, and the share of heat "
        "inside the lungs where masks are given; for each heatmap method.",
    )
    _add_measuring_options(explain, out="folder of the figures")
    explain.add_argument("--films", type=_positive, default=100, help="films with pneumonia")
    explain.add_argument("--lungs", type=Path, help="a CSV of image and lung_mask")

    card = commands.add_parser(
        "card", help="add figures to a bundle and write its card anew; the model stays the same"
    )
    card.add_argument("--model", type=Path, required=True, help="the bundle")
    card.add_argument("--explanation", type=Path, help="explanation.json of explain-check")
    card.add_argument("--typicality", type=Path, help="cross_validation.json --by typicality")
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
        description=_DEPLOY + _RULES,
    )
    deploy.add_argument("--space", required=True, metavar="NAME/SPACE", help="made if missing")
    deploy.add_argument("--model", required=True, metavar="NAME/REPO@REVISION")
    deploy.add_argument("--hardware", choices=("cpu", "zero"), default="cpu")

    composites = commands.add_parser(
        "composites", help="make the example radiographs from a data folder"
    )
    composites.add_argument("--data", type=Path, required=True)
    composites.add_argument("--out", type=Path, required=True)
    return parser


def _add_training_options(parser: argparse.ArgumentParser, *, out: str) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/NORMAL and train/PNEUMONIA"
    )
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="default")
    parser.add_argument("--epochs", type=_positive, help="instead of the preset's")
    parser.add_argument("--batch-size", type=_positive, help="instead of the preset's")
    parser.add_argument("--learning-rate", type=_rate, help="instead of the preset's")
    parser.add_argument("--seed", type=_seed, help="instead of the preset's")
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave damaged files out, listing them"
    )


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


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, received {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
