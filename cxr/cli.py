"""The command line: cxr classify FILE|FOLDER… | archive FOLDER --out TABLE | benchmark."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence

import cxr
from cxr.arguments import fraction, positive
from cxr.errors import CXRError, for_terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except CXRError as error:
        print(for_terminal(f"cxr: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        goes_on = options.command == "archive" or getattr(options, "resume", None)
        again = " To go on, run the same command again." if goes_on else ""
        print(f"\nInterrupted.{again}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cxr",
        description="Pneumonia on children's chest radiographs. For research and teaching; "
        "not a medical device.",
    )
    parser.add_argument("--version", action="version", version=f"cxr {cxr.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    classify = commands.add_parser(
        "classify",
        help="classify radiographs",
        description="Classify radiographs: JPEG, PNG or DICOM. What is no frontal chest "
        "radiograph is refused, with the reasons. Exit status: 0 if every file was classified, "
        "1 if some were refused or failed, 2 if it could not run, 130 after an interruption.",
    )
    _add_classify_options(classify)
    archive = commands.add_parser(
        "archive",
        help="classify all radiographs of a folder or bucket, and write a table",
        description="Answer every file of an archive, in several processes or on a cluster, and "
        "write a row for each into a folder of Parquet files. After an interruption, give the same "
        "command again: files that the table has are left out. Needs the packages of "
        "requirements-archive.txt. Exit status: 0 if every file was answered, 1 if some were "
        "refused or failed, 2 if it could not run, 130 after an interruption.",
    )
    _add_archive_options(archive)
    benchmark = commands.add_parser("benchmark", help="measure speed and memory on this machine")
    benchmark.add_argument("--image", help="a chest radiograph to classify, instead of an example")
    benchmark.add_argument("--json", action="store_true", help="one JSON object")
    benchmark.set_defaults(run=_benchmark)
    for command in (classify, archive):
        _add_answering_options(command)
    for command in (classify, archive, benchmark):
        command.add_argument(
            "--model",
            metavar="FOLDER | NAME/REPO[@REVISION]",
            help="a bundle, or a model of the Hugging Face Hub (default: what CXR_MODEL names, "
            "else what python -m training use chose, else the bundled model)",
        )
    return parser


def _add_classify_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="FILE",
        help="a radiograph, a folder of radiographs, or a pattern",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, and nothing else"
    )
    parser.add_argument("--overlay", metavar="DIR", help="write radiographs with heatmap, as PNG")
    parser.add_argument(
        "--heatmaps",
        metavar="DIR",
        help="write heatmaps as float32 .npy, in place of files that have their names",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="append JSON lines to this file, and leave out radiographs that it has already",
    )
    parser.set_defaults(run=_classify)


def _add_archive_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder of radiographs, or the URI of one, such as s3://bucket/folder",
    )
    parser.add_argument(
        "--out", required=True, metavar="TABLE", help="folder of the table, or its URI"
    )
    parser.add_argument(
        "--workers",
        type=positive,
        metavar="N",
        help="how many processes answer (default: one a core of this machine)",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        help="a Ray cluster that is running, such as ray://host:10001, instead of this machine",
    )
    parser.set_defaults(run=_archive)


def _add_answering_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--retry-errors",
        action="store_true",
        help="try files again that could not be read in an earlier run, for example because a "
        "folder was out of reach",
    )
    parser.add_argument(
        "--threshold",
        type=fraction,
        metavar="T",
        help="predict pneumonia from this probability on (0 to 1), and else normal, "
        "instead of the model's thresholds, between which a verdict is uncertain",
    )


# Each command imports what it needs: the others start sooner, and without its packages.


def _classify(options: argparse.Namespace) -> int:
    from cxr.classify import ClassifyOptions, classify_files

    wanted = ClassifyOptions(
        model=options.model,
        threshold=options.threshold,
        as_json=options.json,
        overlays=options.overlay,
        heatmaps=options.heatmaps,
        resume=options.resume,
        retry_errors=options.retry_errors,
    )
    return classify_files(options.sources, wanted)


def _archive(options: argparse.Namespace) -> int:
    from cxr.archive import answer_archive

    return answer_archive(
        options.source,
        options.out,
        model=options.model,
        threshold=options.threshold,
        address=options.address,
        workers=options.workers,
        retry_errors=options.retry_errors,
    )


def _benchmark(options: argparse.Namespace) -> int:
    from cxr.benchmark import run_benchmark

    return run_benchmark(options.model, image=options.image, as_json=options.json)
