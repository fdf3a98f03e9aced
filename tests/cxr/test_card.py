"""The model's card in both languages says the same of the same figures."""

from __future__ import annotations

import copy
import re

import pytest

from cxr.card import CARD_ERRORS, write_card
from cxr.language import LANGUAGES, Language, keep_together
from cxr.model.bundle import BUNDLED_MODEL, Bundle, load_bundle
from training.validation.folds import IN_WORDS
from training.validation.perturbations import PERTURBATIONS

OUTLINES_UNTIL_0_20 = (
    "Outlines of lungs: V7 Labs and CloudFactory, *COVID-19 X-ray dataset*, CC BY 4.0, of the "
    "children's images; Montgomery County set, U.S. National Library of Medicine (Jaeger 2014, "
    "Candemir 2014), of 138 adults, of whom the model learned lungs and, of the 80 normal ones, "
    "planted opacities, and no class."
)
SAME_IN_BOTH = {"gamma", "JPEG", "rotation", "112 pixels", "64 pixels"}


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(BUNDLED_MODEL)


@pytest.fixture(scope="module")
def english(bundle: Bundle) -> str:
    return write_card(bundle.config, bundle.operating_points, bundle.evaluation)


@pytest.fixture(scope="module")
def french(bundle: Bundle) -> str:
    figures = (bundle.config, bundle.operating_points, bundle.evaluation)
    return write_card(*figures, language="fr")


def digits(line: str) -> str:
    return "".join(re.findall(r"\d", line))


def test_both_have_the_same_headings_rows_and_figures(english: str, french: str) -> None:
    tables = {
        card: [line for line in card.splitlines() if line.startswith(("|", "#"))]
        for card in (english, french)
    }
    assert len(tables[english]) > 100
    assert list(map(digits, tables[french])) == list(map(digits, tables[english]))
    # Words between figures may be in another order.
    assert sorted(digits(french)) == sorted(digits(english))


def test_french_writes_numbers_as_the_french_do(french: str) -> None:
    assert "5\u202f056 images de 2\u202f787 patients" in french
    assert re.search(r"AUC 0,\d{4} \(0,\d{4} à 0,\d{4}\), sensibilité \d\d,\d\xa0%", french)
    figures = french.partition("\n## ")[2].partition("Keras")[0]  # versions have points
    assert not re.search(r"\d[.]\d", figures)


def test_nothing_but_credits_is_in_english(bundle: Bundle, french: str) -> None:
    trained = bundle.config["trained_on"]
    ours = french.partition(trained["credit"])[0]
    assert trained["outlines"] not in french
    assert "Contours des poumons" in french
    assert not re.findall(r"\b(?:the|of|and|with|by|images? that|threshold|fold)\b", ours)
    for perturbation in PERTURBATIONS:
        for said in {perturbation.name, perturbation.strength} - SAME_IN_BOTH:
            shown = re.compile(rf"\| {re.escape(said)}( †)? \|")
            assert not shown.search(french)
            assert shown.search((BUNDLED_MODEL / "README.md").read_text(encoding="utf-8"))


def test_the_card_of_an_earlier_bundle(bundle: Bundle) -> None:
    """Until 0.20 reserved patients were not scored, and every perturbation decided thresholds."""
    evaluation = copy.deepcopy(bundle.evaluation)
    for row in evaluation["perturbations"]:
        del row["binding"]
    del evaluation["reserved"], evaluation["typicality"]["reserved"]
    del evaluation["elsewhere"]["intervals"]
    config = copy.deepcopy(bundle.config)
    config["trained_on"]["outlines"] = OUTLINES_UNTIL_0_20
    english, french = (
        write_card(config, bundle.operating_points, evaluation, language=language)
        for language in LANGUAGES
    )
    assert "†" not in english + french
    assert "Among them are" not in english
    assert "these figures are a little too good then" in english
    assert "ces chiffres sont alors un peu trop bons" in french
    assert "mais aucun diagnostic" in french
    assert "planted opacities" not in french


def test_sections_that_few_models_have_are_in_both(bundle: Bundle) -> None:
    folds = bundle.evaluation["folds"]
    evaluation = bundle.evaluation | {
        "acquisition": {"folds": folds, "plan": {"folds": 5}},
        "baseline": {"folds": folds},
        "official_test": {"images": 1, "metrics": bundle.evaluation["result"]["metrics"]},
        "external": {
            "data": {"name": "Elsewhere", "positive": "1"},
            "images": 2,
            "metrics": {"auc": 0.5},
            "intervals": {"auc": [0.25, 0.75]},
        },
    }
    cards = {
        language: write_card(bundle.config, bundle.operating_points, evaluation, language=language)
        for language in ("en", "fr")
    }
    assert "| published CNN-LSTM, fold 2 |" in cards["en"]
    assert "| CNN-LSTM publié, pli 2 |" in cards["fr"]
    assert "Official test split, 1 image, never used for a choice" in cards["en"]
    assert "Elsewhere\xa0: 2 images d'une autre population" in cards["fr"]
    assert sorted(digits(cards["fr"])) == sorted(digits(cards["en"]))


@pytest.mark.parametrize(("by", "english"), IN_WORDS.items())
def test_how_folds_are_made_is_translated(bundle: Bundle, by: str, english: str) -> None:
    evaluation = bundle.evaluation | {"by": english}
    figures = (bundle.config, bundle.operating_points, evaluation)
    assert english in write_card(*figures)
    assert english not in write_card(*figures, language="fr"), by


def test_the_card_of_a_model_without_folds(bundle: Bundle) -> None:
    without = ("folds", "perturbations", "elsewhere", "typicality", "explanation")
    evaluation = {key: value for key, value in bundle.evaluation.items() if key not in without}
    source = "5,056 images of 2,787 patients, held out of training; the epoch was also chosen"
    source += " on them, by auc"
    config = bundle.config | {"training": bundle.config["training"] | {"select_by": "auc"}}
    figures = (config, bundle.operating_points, evaluation | {"source": source})
    assert source in write_card(*figures)
    said = "mis à l'écart de l'entraînement ; l'époque a aussi été choisie sur ces images (auc)"
    assert keep_together(said, "fr") in write_card(*figures, language="fr")


@pytest.mark.parametrize("figure", [None, "many", []])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_figure_that_is_missing_or_no_number_is_an_error(
    bundle: Bundle, figure: object, language: Language
) -> None:
    trained = bundle.config["trained_on"] | {"images": figure}
    metrics = bundle.evaluation["result"]["metrics"] | {"auc": figure}
    if figure is None:
        del trained["images"], metrics["auc"]
    result = bundle.evaluation["result"] | {"metrics": metrics}
    wrong = [
        (bundle.config | {"trained_on": trained}, bundle.evaluation),
        (bundle.config, bundle.evaluation | {"result": result}),
    ]
    for config, evaluation in wrong:
        with pytest.raises(CARD_ERRORS):
            write_card(config, bundle.operating_points, evaluation, language=language)
