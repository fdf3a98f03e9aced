"""Builds what the browser is sent about an upload or a case: one complete state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr.classifier import Classifier
from cxr.errors import RadiographError
from cxr.outcome import answer_file
from cxr.page.answer_values import message_values, outcome_value
from cxr.page.failures import log_failure
from cxr.page.sent_values import ViewerState
from cxr.page.uploads import asked_upload
from cxr.page.waiting_turns import Busy, Turns


class Answers:
    """Answers what a component of the page asks for. Safe to share between threads."""

    def __init__(
        self, classifier: Classifier, *, turns: Turns, cases: Mapping[str, Path] | None = None
    ) -> None:
        """Set up the answers.

        Args:
            classifier: answers.
            turns: how many radiographs are classified at a time.
            cases: files that the browser may ask for by their name.
        """
        self.classifier = classifier
        self.turns = turns
        self._cases = cases or {}

    def source_of(self, asked: Mapping[str, Any]) -> tuple[Path, str]:
        """The file that the browser means, and its name: an upload, or a case.

        Raises:
            UnreadableRadiograph: it is no upload, or the upload has been deleted.
        """
        case = asked.get("case")
        if isinstance(case, str) and case in self._cases:
            return self._cases[case], self._cases[case].name
        return asked_upload(asked)

    def answer_one(self, asked: Any) -> ViewerState:
        """The state that a file leads to, with all that the browser needs to show it."""
        try:
            path, name = self.source_of(asked if isinstance(asked, dict) else {})
            with self.turns.take():
                outcome = answer_file(path, self.classifier, file=name)
                return outcome_value(outcome, self.classifier.bundle)
        except Busy:
            return {"kind": "busy"}
        except RadiographError as error:
            return {"kind": "unreadable", "reasons": message_values([error.message])}
        except Exception as error:
            log_failure("a radiograph was not classified", error)
            return {"kind": "failed"}
