"""Train, measure and explain models: python -m training COMMAND --help."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from cxr.errors import CXRError, for_terminal
from training.commands import (
    card,
    cases,
    compare,
    cross_validate,
    deploy,
    evaluate,
    explain_check,
    export,
    fit,
    fit_gate,
    publish,
    studio,
    tune,
    use,
    walkthrough,
    work,
)
from training.parent_process import end_with_parent

# Each has its help as its docstring, and `add_arguments` and `run`; what computes is imported when
# a command runs.
_COMMANDS = {
    "fit": fit,
    "tune": tune,
    "cross-validate": cross_validate,
    "compare": compare,
    "evaluate": evaluate,
    "explain-check": explain_check,
    "card": card,
    "export": export,
    "publish": publish,
    "deploy": deploy,
    "fit-gate": fit_gate,
    "studio": studio,
    "work": work,
    "use": use,
    "cases": cases,
    "walkthrough": walkthrough,
}
_RESUMABLE = (fit, tune, cross_validate, fit_gate)  # these go on where they stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a card has characters that no code page has
        sys.stdout.reconfigure(errors="backslashreplace")
    end_with_parent()
    # TensorFlow's start-up log says nothing about images; its errors still arrive.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Convolutions by oneDNN, which TensorFlow takes by itself on some processors only: a fifth less
    # processor time a step on one that has AVX2 alone.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        return int(options.command.run(options))
    except CXRError as error:
        print(for_terminal(f"training: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        again = " To continue, run the same command again."
        print(f"\nInterrupted.{again if options.command in _RESUMABLE else ''}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        description = module.__doc__ or ""
        command = commands.add_parser(
            name,
            help=description.splitlines()[0],
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(command=module)
    return parser


if __name__ == "__main__":
    sys.exit(main())
