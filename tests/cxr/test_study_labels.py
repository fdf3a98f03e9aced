"""The reader study's table of labels: which file gets which, as the browser reads it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.conftest import PAGE_MARKS, ROOT

pytestmark = PAGE_MARKS

CASES = [
    # tables, {file: label}, rows that are not used, names of several files
    (["a.png,normal\nb.png,1\n"], {"a.png": "NORMAL", "b.png": "PNEUMONIA"}, 0, []),
    (["file;label\r\nA;Pneumonie\r\nb;?\r\n"], {"a.png": "PNEUMONIA", "b.png": None}, 1, []),
    # Not every column with a 1 is a label, and the name is not always in the first.
    (["file,fold,label\na.png,1,normal\n"], {"a.png": "NORMAL"}, 0, []),
    (
        [",file,label\n0,a.png,normal\n1,b.png,viral\n"],
        {"a.png": "NORMAL", "b.png": "PNEUMONIA"},
        0,
        [],
    ),
    # Rows that contradict each other count for nothing, however often one of them is repeated.
    (["a.png,normal\na.png,pneumonia\na.png,normal\n"], {"a.png": None}, 3, []),
    (["a.png,normal\na.png,normal\n"], {"a.png": "NORMAL"}, 0, []),
    (["a.png,normal\n", "a.png,pneumonia\n"], {"a.png": None}, 2, []),
    # Folders tell files of the same name apart, where both sides have them.
    (
        ["x/1.png,normal\ny/1.png,pneumonia\n"],
        {"x/1.png": "NORMAL", "set/y/1.png": "PNEUMONIA", "1.png": None, "z/1.png": None},
        0,
        [],
    ),
    (["set/x/1.png,normal\n"], {"x/1.png": "NORMAL", "z/1.png": None}, 0, []),
    # A name alone that is that of two files gives neither a label; nor does it beside a path.
    (["1.png,normal\n"], {"x/1.png": None, "y/1.png": None}, 0, ["1.png"]),
    (["1,normal\n"], {"1.png": None, "1.dcm": None}, 0, ["1"]),
    (["1.png,1\nx/1.png,0\n"], {"x/1.png": "NORMAL", "y/1.png": None}, 0, ["1.png"]),
    # Tables without labels do not count where another has some.
    (["a.png,63\nb.png,71\n", "a.png,normal\n"], {"a.png": "NORMAL", "b.png": None}, 0, []),
    (["sep=;\nfile;label\na.png;1\nb.png;0\n"], {"a.png": "PNEUMONIA", "b.png": "NORMAL"}, 0, []),
    (["file,label\ra.png,1\rb.png,0\r"], {"a.png": "PNEUMONIA", "b.png": "NORMAL"}, 0, []),
    (['"a, ""b"".png","normal"\n'], {'a, "b".png': "NORMAL"}, 0, []),
    ([""], {"a.png": None}, 0, []),
    # What is written of answers and readings is no truth, also beside a table of labels.
    (
        ["file,status,probability,verdict,own_label\na.png,ok,0.9,PNEUMONIA,NORMAL\n"],
        {"a.png": None},
        0,
        [],
    ),
    (["file,own,verdict\na.png,NORMAL,PNEUMONIA\n", "a.png,0\n"], {"a.png": "NORMAL"}, 0, []),
    (["path,label,probability\na.png,0,0.9\n"], {"a.png": "NORMAL"}, 0, []),
    # A column that asks for something else is not answered the wrong way round.
    (["file,No Finding\na.png,1\n"], {"a.png": None}, 1, []),
    (["file,No Finding\na.png,positive\nb.png,Negative\n"], {"a.png": None}, 2, []),
    (["a.png,unsure\nb.png,1\nc.png,0\n"], {"b.png": "PNEUMONIA", "c.png": "NORMAL"}, 1, []),
    (["image,patient,label2\na.png,1,normal\n"], {"a.png": None}, 1, []),
    (
        ["file,normal,pneumonia\na.png,1,0\nb.png,0,1\n"],
        {"a.png": "NORMAL", "b.png": "PNEUMONIA"},
        0,
        [],
    ),
    (["file,class,label\na.png,1,normal\n"], {"a.png": "NORMAL"}, 0, []),
    (["file,said\na.png,normal\n"], {"a.png": "NORMAL"}, 0, []),
    # Some disks store a letter and its accent apart.
    (["L\u00e9a.png,n\u00e9gatif\n"], {"Le\u0301a.png": "NORMAL"}, 0, []),
    (["file,patient,e\u0301tiquette\na.png,1,normal\n"], {"a.png": "NORMAL"}, 0, []),
    (["file,effusion\na.png,ne\u0301gatif\n"], {"a.png": None}, 1, []),
]


@pytest.mark.parametrize(("tables", "expected", "unused", "ambiguous"), CASES)
def test_labels(
    browser: Browser,
    tables: list[str],
    expected: dict[str, str | None],
    unused: int,
    ambiguous: list[str],
) -> None:
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "cxr" / "page" / "study_labels.js")
    found = page.evaluate(
        """([tables, names]) => {
          const read = readLabels(tables.map((text, i) => ({ name: `${i}.csv`, text })));
          const { labels, ambiguous } = labelsFor(read, names);
          return [labels, read.unused, ambiguous];
        }""",
        [tables, list(expected)],
    )
    page.close()
    assert found == [list(expected.values()), unused, ambiguous]


def test_tables_of_older_spreadsheets_are_read_too(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "cxr" / "page" / "study_labels.js")
    said = "\ufeffLéa.png;négatif"
    for encoding in ("utf-8", "cp1252"):
        text = said if encoding == "utf-8" else said[1:]
        found = page.evaluate(
            "(bytes) => textOf(new Uint8Array(bytes).buffer)", list(text.encode(encoding))
        )
        assert found == said[1:]
    page.close()


def test_a_large_table_of_one_name_is_read_at_once(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "cxr" / "page" / "study_labels.js")
    found, milliseconds = page.evaluate(
        """() => {
          const begin = performance.now();
          const text = "a.png,normal\\n".repeat(50000) + "a.png,1";
          const read = readLabels([{ name: "labels.csv", text }]);
          const { labels } = labelsFor(read, ["a.png", "b.png"]);
          return [[read.unused, read.count, labels], performance.now() - begin];
        }"""
    )
    page.close()
    assert found == [50_001, 50_001, [None, None]]  # they contradict each other
    assert milliseconds < 5000
