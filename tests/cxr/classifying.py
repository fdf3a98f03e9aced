"""What tests do with `classify`."""

from __future__ import annotations

import json

import pytest

from cxr.cli import main
from cxr.output.record import Record


def classify(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[Record]:
    main(["classify", *map(str, arguments), "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
