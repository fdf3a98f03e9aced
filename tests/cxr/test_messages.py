"""The table of messages: both languages have it all, every key is used, and none is missing."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import get_args

import pytest

from cxr.cases import Comparison, Label
from cxr.checks import PLACES, WORTHS, Effect
from cxr.gate.lungs import KINDS
from cxr.language import LANGUAGES, Language, keep_together
from cxr.messages import Message, all_texts, page_texts, sentences, studio_texts, text
from cxr.model.bundle import CLASS_NAMES
from cxr.model.operating_points import Verdict
from cxr.page.flags import Flagged
from tests.conftest import ROOT
from tests.syntax import parse
from training.fitting.config import Balance, Optimizer
from training.jobs.queue import State
from training.studio.compare_tab import FittedOn
from training.studio.preset_cards import FIGURES
from training.studio.settings import FOLDED, SETTINGS
from training.studio.words import METRICS
from training.validation.report_page import PLOTS

PAGE = ROOT / "cxr" / "page"
HEADINGS = tomllib.loads((ROOT / "cxr" / "messages.toml").read_text(encoding="utf-8"))
ENTRIES = {key: entry for entries in HEADINGS.values() for key, entry in entries.items()}
SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PAGE.glob("*.js")))
TOOLS = set(re.findall(r'^  \["(\w+)", "[^"]+", "M', SCRIPT, re.MULTILINE))
PROBLEMS = {"refused", "unreadable", "too_large", "missing", "busy", "offline", "failed"}
SETTING_KEYS = {setting.name.replace(".", "_") for setting in SETTINGS}
# Keys that are put together in code: how they begin, and each way in which they can end.
FAMILIES = {
    "kind_": set(KINDS),
    "evidence_": set(PLACES) - {"lungs"},
    "verdict_": {*get_args(Verdict), "OUTSIDE"},
    "reason_": {
        *get_args(Verdict),
        "OUTSIDE",
        "PNEUMONIA_model",
        "NORMAL_model",
        "PNEUMONIA_reader",
        "NORMAL_reader",
    },
    "blurring_": set(get_args(Effect)),
    "worth_": {
        *WORTHS,
        *(f"{worth}_means" for worth in ("supported", "none")),
        *(
            f"{worth}_{why}"
            for worth in ("weak", "not_supported")
            for why in ("outside", "blurred")
        ),
    },
    "state_": {*PROBLEMS, "not_unpacked"},
    "todo_": PROBLEMS,
    "tool_": {*TOOLS, *(f"{tool}_does" for tool in TOOLS)},
    "window_": {"file", "full", "lung", "bone", "own"},
    "status_": {"unread", "refused", "error", "waiting"},
    "kept_": {"all", "keeping", "forbidden", "full", "failed", "undeleted"},
    "studio_fitted_on_": set(get_args(FittedOn)),
    "sort_": {"probability", "added", "name", "verdict", "worth", "own", "remarks"},
    "stop_": {"high_sensitivity", "threshold", "high_specificity"},
    "label_": set(get_args(Label)),
    "said_": {*get_args(Verdict), "OUTSIDE"},
    "flag_": {"heading", "title", "consent", "send", "needs", "sending", *get_args(Flagged)},
    "compared_": set(get_args(Comparison)),
    "metric_": {*METRICS, "log_loss"},
    "setting_": {f"{name}{part}" for name in SETTING_KEYS for part in ("", "_means")},
    "runs_state_": {*get_args(State), "unfinished"},
    "trials_state_": {"complete", "pruned", "fail", "running", "waiting"},
    "balance_": set(get_args(Balance)),
    "optimizer_": set(get_args(Optimizer)),
    "studio_class_": set(CLASS_NAMES),
    "studio_group_": set(FOLDED),
    "studio_outlines_": {"lungs", "lungs_means", "opacities", "opacities_means"},
    "preset_": {
        f"{name}_{part}" for name, figures in FIGURES.items() for part in ("what", "time", *figures)
    },
    "plot_": {name.removesuffix(".png") for name in PLOTS},
    "studio_kind_": {"normal", "bacteria", "virus", "pneumonia"},
}


def names(said: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", said))


def test_both_languages_have_every_key_with_the_same_names_in_braces() -> None:
    assert len(ENTRIES) > 100
    for key, entry in ENTRIES.items():
        assert entry.keys() == set(LANGUAGES), key
        assert names(entry["en"]) == names(entry["fr"]), key
        for said in entry.values():
            assert said == " ".join(said.split()), key
            assert said or key == "card_language"


def test_no_key_is_in_the_table_twice() -> None:
    keys = Counter(key for entries in HEADINGS.values() for key in entries)
    assert not [key for key, count in keys.items() if count > 1]


def keys_of(argument: ast.expr) -> Iterator[str]:
    """Keys in an argument; one that is put together in code ends in a brace."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.IfExp):
        yield from keys_of(argument.body)
        yield from keys_of(argument.orelse)
    elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
        yield f"{argument.values[0].value}{{"
    else:
        pytest.fail(f"write the key out, or how it begins: {ast.unparse(argument)}")


def keys_in_python(source: str) -> Iterator[str]:
    """Keys of messages, of texts, and of the page's lines."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"Message", "text", "shown"}:
                yield from keys_of(node.args[0])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                # A dictionary of another kind holds a sentence, not its key.
                is_line = isinstance(key, ast.Constant) and key.value in ("text", "problem")
                if is_line and isinstance(value, ast.Constant | ast.IfExp):
                    yield from keys_of(value)


def keys_in_the_browser(source: str) -> Iterator[str]:
    """Keys that templates name, and those in the first argument of each `say(…)`."""
    yield from re.findall(r'data-t(?:-label)?="(\w+)"', source)
    yield from re.findall(r'code: "(\w+)"', source)
    yield from (f"{prefix}{{" for prefix in re.findall(r'[`"](\w+_)\$\{', source))
    for argument in re.findall(r"\bsay\(([^,()]*(?:\([^()]*\)[^,()]*)*)", source):
        # The argument is a key, or a choice between two.
        yield from re.findall(r'(?:^|[?:])\s*"(\w+)"', argument)


def used_keys() -> set[str]:
    used: set[str] = set()
    for path in sorted([*(ROOT / "cxr").rglob("*.py"), *(ROOT / "training").rglob("*.py")]):
        if path.name == "messages.py":  # which looks up any key
            continue
        source = path.read_text(encoding="utf-8")
        used |= set(keys_in_python(source))
        if path.is_relative_to(PAGE):
            used |= set(keys_in_the_browser(source))
    templates = (ROOT / "training" / "templates").glob("*.jinja")
    for path in sorted([*PAGE.glob("*.js"), *PAGE.glob("*.html"), *templates]):
        used |= set(keys_in_the_browser(path.read_text(encoding="utf-8")))
    return used


def test_every_key_is_used_and_every_used_key_is_there() -> None:
    used = used_keys()
    families = {key.removesuffix("{") for key in used if key.endswith("{")}
    assert families == FAMILIES.keys()
    used = {key for key in used if not key.endswith("{")}
    used |= {f"{start}{end}" for start, ends in FAMILIES.items() for end in ends}
    assert used == ENTRIES.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_says_its_sentence(language: Language) -> None:
    said = Message("few_pixels", {"width": 1200, "height": 80}).say(language)
    expected = {"en": "has only 1,200×80 pixels", "fr": "n'a que 1\u202f200 × 80 pixels"}
    assert expected[language] in said


def test_each_message_is_a_sentence() -> None:
    messages = [Message("low_contrast"), Message("tilted", {"degrees": "17"})]
    assert str(messages[0]) == "the contrast is very low"
    assert sentences(messages) == "The contrast is very low. The chest is tilted by about 17°."
    assert sentences(messages, "fr") == (
        "Le contraste est très faible. Le thorax est incliné d'environ 17°."
    )


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match=r"no_such_key: no such key in messages\.toml"):
        text("no_such_key", "en")


def test_the_browser_gets_every_text_but_those_of_the_studio() -> None:
    of_studio = HEADINGS["studio"].keys()
    for language, texts in page_texts().items():
        assert texts.keys() == ENTRIES.keys() - of_studio - HEADINGS["plots"].keys()
        assert texts["title"] == keep_together(ENTRIES["title"][language], language)
        assert studio_texts()[language].keys() == of_studio
    assert all_texts()["fr"].keys() == ENTRIES.keys()


def test_french_signs_stay_on_the_line_of_their_word() -> None:
    said = "« un » : 95 % ; deux ? trois ! 5 056 images"
    together = "«\xa0un\xa0»\xa0: 95\xa0%\xa0; deux\xa0? trois\xa0! 5\u202f056 images"
    assert keep_together(said, "fr") == together
    assert keep_together(said, "en") == said
    assert not re.search(r" [;:?!%»]|« ", "".join(all_texts()["fr"].values()))
