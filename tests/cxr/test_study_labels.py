"""The reader study's table of labels: which file gets which, as the browser reads it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.conftest import PAGE_MARKS, ROOT

pytestmark = PAGE_MARKS

CASES = [
    # table, {file: label}, rows that are not used
    ("a.png,normal\nb.png,1\n", {"a.png": "NORMAL", "b.png": "PNEUMONIA"}, 0),
    ("file;label\r\nA;Pneumonie\r\nb;?\r\n", {"a.png": "PNEUMONIA", "b.png": None}, 1),
    # Not every column with a 1 is a label, and the name is not always in the first.
    ("file,fold,label\na.png,1,normal\n", {"a.png": "NORMAL"}, 0),
    (",file,label\n0,a.png,normal\n1,b.png,viral\n", {"a.png": "NORMAL", "b.png": "PNEUMONIA"}, 0),
    # Rows that contradict each other count for nothing, however often one of them is repeated.
    ("a.png,normal\na.png,pneumonia\na.png,normal\n", {"a.png": None}, 3),
    ("a.png,normal\na.png,normal\n", {"a.png": "NORMAL"}, 0),
    # Folders tell files of the same name apart, where both sides have them.
    (
        "x/1.png,normal\ny/1.png,pneumonia\n",
        {"x/1.png": "NORMAL", "set/y/1.png": "PNEUMONIA", "1.png": None, "z/1.png": None},
        0,
    ),
    ('"a, ""b"".png","normal"\n', {'a, "b".png': "NORMAL"}, 0),
    ("", {"a.png": None}, 0),
]


@pytest.mark.parametrize(("text", "expected", "unused"), CASES)
def test_labels(browser: Browser, text: str, expected: dict[str, str | None], unused: int) -> None:
    page = browser.new_page()
    page.add_script_tag(content="const study = {};")
    page.add_script_tag(path=ROOT / "cxr" / "page" / "study_labels.js")
    found = page.evaluate(
        """([text, names]) => {
          study.labels = readLabels(text);
          return [names.map(labelOf), study.labels.unused];
        }""",
        [text, list(expected)],
    )
    page.close()
    assert found == [list(expected.values()), unused]


def test_a_large_table_of_one_name_is_read_at_once(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content="const study = {};")
    page.add_script_tag(path=ROOT / "cxr" / "page" / "study_labels.js")
    found, milliseconds = page.evaluate(
        """() => {
          const begin = performance.now();
          const { unused, count } = readLabels("a.png,normal\\n".repeat(50000) + "a.png,1");
          return [[unused, count], performance.now() - begin];
        }"""
    )
    page.close()
    assert found == [50_001, 50_001]  # they contradict each other
    assert milliseconds < 5000
