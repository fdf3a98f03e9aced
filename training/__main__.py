"""Train, measure and explain models: python -m training COMMAND --help."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxr.errors import CXRError, RunError
from training.arguments import HUB_RULES, build_parser
from training.config import TrainingConfig
from training.presets import load_preset
from training.tether import end_with_parent

if TYPE_CHECKING:
    import keras

    from training.films import OutlineTables


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = build_parser().parse_args(arguments)
    end_with_parent()
    try:
        return _COMMANDS[options.command](options)
    except CXRError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = "The same command goes on after the last epoch."
        fits = options.command in ("fit", "cross-validate")  # these keep every epoch
        print(f"\nInterrupted.{f' {again}' if fits else ''}", file=sys.stderr)
        return 130


def run_fit(options: argparse.Namespace) -> int:
    """Fit, then write the bundle."""
    from training.films import load_parts
    from training.fit import fit
    from training.run_folder import RunFolder

    config = _config(options)
    if options.elsewhere and not options.cross_validation:
        raise RunError("--elsewhere goes with --cross-validation, by patient, of all images.")
    if options.cross_validation:
        config = _with_all_films(config)
    parts = load_parts(
        config,
        options.data,
        outlines=_outlines(options),
        skip_unreadable=options.skip_unreadable,
    )
    estimate = None
    if options.cross_validation:
        from training.estimate import read_estimate

        estimate = read_estimate(
            options.cross_validation, config, parts.train.records, elsewhere=options.elsewhere
        )
    run = RunFolder(options.out)
    run.start(config, options.data, parts)
    network = fit(config, parts, run, callbacks=_tensorboard(options, run=run.folder.name))

    import keras

    if keras.backend.backend() != "tensorflow":
        print(
            f"Trained: {run.weights}. Heatmaps need TensorFlow: run the same command with "
            "KERAS_BACKEND=tensorflow to write the bundle."
        )
        return 0
    from training.export import export

    if options.cross_validation and config.network.architecture == "evidence":
        _require_heat(network, config, options)
    bundle = export(
        config,
        parts,
        network,
        run,
        name=options.name,
        version=options.model_version,
        credit=options.credit,
        estimate=estimate,
    )
    print((bundle.folder / "README.md").read_text(encoding="utf-8"))
    print(f"Bundle: {bundle.folder}\nTry it: python app.py --model {bundle.folder}")
    return 0


def _require_heat(
    network: keras.Model, config: TrainingConfig, options: argparse.Namespace
) -> None:
    """Stop before a model is written whose heatmaps fail on images that it has not learned from."""
    from training.films import load_held_out
    from training.localization_check import require_heat

    held_out = load_held_out(
        config,
        options.data,
        outlines=_outlines(options),
        skip_unreadable=options.skip_unreadable,
    )
    if held_out is None:
        print("No images are held out of this data: its heatmaps were not checked.")
        return
    reached = require_heat(network, config, held_out)
    print("Heatmaps: " + ", ".join(f"{name} {value:.2f}" for name, value in reached.items()))


def run_tune(options: argparse.Namespace) -> int:
    """Look for a better configuration."""
    from training.films import load_parts
    from training.tuning import tune

    config = _config(options)
    parts = load_parts(
        config,
        options.data,
        outlines=_outlines(options),
        skip_unreadable=options.skip_unreadable,
    )
    report = tune(
        config,
        parts,
        options.data,
        options.out,
        trials=options.trials,
        until=options.until,
        storage=options.storage,
        callbacks=lambda trial: _tensorboard(options, run=trial),
    )
    for name, share in report["importance"].items():
        print(f"{name:<28}{share:6.1%}")
    if report["best"]:
        best = options.out / "best.json"
        print(f"Best validation AUC: {report['best']['val_auc']:.4f}, too good by chance.")
        print(f"Measure it: python -m training cross-validate --preset {best} …")
    print(f"Report: {options.out / 'report.json'}")
    return 0


def run_cross_validate(options: argparse.Namespace) -> int:
    """Fit a network for each fold, and score the films that it never saw."""
    from training.cross_validation import Plan, cross_validate
    from training.films import load_whole

    config = _with_all_films(_config(options))
    whole, _ = load_whole(
        config,
        options.data,
        outlines=_outlines(options),
        skip_unreadable=options.skip_unreadable,
    )
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
    if other := document.get("against"):
        test = other["comparison"]
        for name, value in test["difference"].items():
            low, high = test["intervals"][name]
            print(f"{name} less the other's: {value:+.4f}  ({low:+.4f} to {high:+.4f})")
        print(f"By chance alone? AUC, DeLong: p = {test['delong_p']:.2g}; ", end="")
        print(f"calls, McNemar: p = {test['mcnemar']['p']:.2g}")
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
        lungs=tuple(options.lungs),
        opacities=options.opacities,
        adults=tuple(options.adults),
        held_out=options.held_out,
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
            for name in (
                "explanation",
                "typicality",
                "acquisition",
                "baseline",
                "external",
                "official_test",
            )
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
    print(HUB_RULES)
    return 0


def run_fit_gate(options: argparse.Namespace) -> int:
    """Make the gate."""
    from training.gate import GatePlan, make_gate

    plan = GatePlan(folds=options.folds, epochs=tuple(options.epochs))
    document = make_gate(options.data, options.lungs, options.others, options.out, plan)
    figures = document["figures"]
    for name, row in figures["refused"].items():
        print(f"{name:<10} refused {row['refused']} of {row['pictures']:,}")
    print(f"Lungs of adults: Dice {figures['dice']['mean']:.3f}")
    print(f"Gate: {options.out / 'gate'}")
    return 0


def run_studio(options: argparse.Namespace) -> int:
    """Serve the studio until interrupted."""
    from training.studio import serve_studio

    serve_studio(
        options.runs,
        options.data,
        port=options.port,
        listen=options.listen,
        browser=not options.no_browser,
    )
    return 0


def run_work(options: argparse.Namespace) -> int:
    """Work off the studio's queue."""
    from training.jobs import JobQueue

    JobQueue(options.runs).work()
    return 0


def run_use(options: argparse.Namespace) -> int:
    """Choose the model of this machine."""
    from training.local_model import use, use_bundled

    bundle = use_bundled() if options.bundled else use(options.run)
    print(f"In use: {', '.join(bundle.identity().values())}")
    return 0


def run_composites(options: argparse.Namespace) -> int:
    """Write the example radiographs."""
    from training.composites import write_composites

    for path in write_composites(options.data, options.out):
        print(path)
    return 0


def run_walkthrough(options: argparse.Namespace) -> int:
    """Run the notebook."""
    from training.walkthrough import write_walkthrough

    write_walkthrough(options.out, data=options.data, run=options.run)
    print(f"Notebook: {options.out}")
    return 0


_COMMANDS = {
    "fit": run_fit,
    "tune": run_tune,
    "cross-validate": run_cross_validate,
    "evaluate": run_evaluate,
    "explain-check": run_explain_check,
    "card": run_card,
    "publish": run_publish,
    "deploy": run_deploy,
    "fit-gate": run_fit_gate,
    "fit-lungs": run_fit_gate,
    "studio": run_studio,
    "work": run_work,
    "use": run_use,
    "composites": run_composites,
    "walkthrough": run_walkthrough,
}


def _config(options: argparse.Namespace) -> TrainingConfig:
    """The preset, with what the command line changes of it."""
    config = load_preset(options.preset)
    changes = {
        field: value
        for field in ("epochs", "batch_size", "learning_rate", "seed", "balance", "select_by")
        if (value := getattr(options, field)) is not None
    }
    try:
        return dataclasses.replace(config, **changes)
    except ValueError as error:
        raise RunError(f"{options.preset}: cannot be changed so. {error}") from error


def _outlines(options: argparse.Namespace) -> OutlineTables:
    """The tables of outlines that the command line names."""
    from training.films import OutlineTables

    return OutlineTables(lungs=tuple(options.lungs), opacities=tuple(options.opacities))


def _with_all_films(config: TrainingConfig) -> TrainingConfig:
    """The configuration with no films held out, since a cross-validation measures it."""
    try:
        return dataclasses.replace(config, validation_fraction=0.0)
    except ValueError as error:
        raise RunError(str(error)) from error


def _tensorboard(options: argparse.Namespace, *, run: str) -> list[Any]:
    """The callback that logs a run for TensorBoard, if it is asked for."""
    if not options.tensorboard:
        return []
    from training.tensorboard import TensorBoardLog

    return [TensorBoardLog(options.tensorboard / run)]


if __name__ == "__main__":
    sys.exit(main())
