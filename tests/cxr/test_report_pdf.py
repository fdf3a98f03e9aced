"""The report: one page that says what was answered, in both languages, and who must not use it."""

from __future__ import annotations

import dataclasses
import io
import unicodedata

import numpy as np
import pytest
from pypdf import PdfReader

from cxr.checks import PLACES, Blurring, Checks
from cxr.classifier import Prediction
from cxr.gate.lungs import lung_fields
from cxr.gate.result import Correction, GateResult
from cxr.language import Language
from cxr.messages import Message, text
from cxr.model.bundle import BUNDLED_MODEL, Bundle, load_bundle
from cxr.model.expected import elsewhere
from cxr.model.operating_points import OperatingPoints
from cxr.output.pdf_page import MARGIN
from cxr.output.report_pdf import pdf_report
from cxr.output.report_words import ReportOptions
from cxr.reading.radiograph import Radiograph


@pytest.fixture
def radiograph() -> Radiograph:
    pixels = np.random.default_rng(0).random((90, 120), dtype=np.float32)
    return Radiograph(pixels=pixels, name="<radiograph> & Sôn.png")


@pytest.fixture
def prediction(points: OperatingPoints) -> Prediction:
    heatmap = np.zeros((90, 120), dtype=np.float32)
    heatmap[20:40, 20:60] = 1
    return Prediction(
        probability=0.8,
        heatmap=heatmap,
        map=heatmap,
        evidence=None,
        operating_points=points,
        gate_result=GateResult(
            warnings=(Message("tilted", {"degrees": "17"}),),
            lungs=lung_fields(np.zeros((16, 16), dtype=np.float32)),
        ),
        checks=Checks(
            places={place: float(place == "lungs") for place in PLACES},
            blurring=Blurring(strongest=1.0, elsewhere=0.0),
            variants={"mirrored": 0.2},
        ),
        trained_on=False,
    )


def words(pdf: bytes, *, pages: int = 1) -> str:
    found = PdfReader(io.BytesIO(pdf)).pages
    assert len(found) == pages
    return " ".join(" ".join(page.extract_text() for page in found).split())


def lowest_line(pdf: bytes) -> float:
    """How far above the lower edge the last line of any page stands, in points."""
    heights: list[float] = []
    for page in PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(
            visitor_text=lambda said, cm, tm, *_: (
                heights.append(cm[5] + tm[5]) if said.strip() else None
            )
        )
    return min(heights)


def test_it_says_what_was_answered(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    said = words(pdf_report(radiograph, prediction, tiny_bundle, ReportOptions()))
    assert "Not a medical device" in said
    assert "File: <radiograph> & Sôn.png" in said
    assert "Probability of pneumonia 80.0%" in said
    headline = "Pneumonia (probability of pneumonia: 80.0%)"
    assert f"{headline} At or above 70%, the model's high-specificity threshold." in said
    assert "From 40% up to 70% the verdict is uncertain." in said
    assert (
        "With pneumonia: 65.0% pneumonia, 15.0% uncertain, 20.0% normal; "
        "normal ones: 40.0% normal, 30.0% uncertain, 30.0% pneumonia."
    ) in said
    assert "Sensitivity" not in said  # at no single threshold
    assert "200 images made up for a test" in said
    assert "Warnings about the image The chest is tilted by about 17°." in said
    assert "the verdict is not the same each time" in said
    assert f"tiny, 1, {tiny_bundle.sha256[:12]}" in said


def test_the_readers_threshold_and_language(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    reading = ReportOptions(
        threshold=0.9, language="fr", prevalence=0.2, own_reading="PNEUMONIA", own_confidence=0.75
    )
    said = words(pdf_report(radiograph, prediction, tiny_bundle, reading))
    assert "Verdict Normal, au seuil choisi par le lecteur. Selon les seuils du modèle : Pn" in said
    assert "90 % (celui du lecteur)" in said
    at = prediction.operating_points.at(0.9)
    assert f"Sensibilité {at.sensitivity:.1%}".replace(".", ",").replace("%", " %") in said
    counted = f"{at.true_positives} radiographies avec pneumonie sur 100 ont été prédites"
    assert counted in said
    assert "80,0 %" in said
    assert "Un verdict normal n'exclut pas une pneumonie. Les intervalles sont" in said
    assert "Le thorax est incliné d'environ 17°." in said
    assert "Indices sur la carte de chaleur Étayés." in said
    assert "Avec la carte de chaleur (Grad-CAM), indices : Étayés" in said
    assert "Interprétation du lecteur Pneumonie, certitude 75 %, avant que" in said
    assert "50,0 % pour une prévalence de 20 %" in said  # 0.8 × 0.2 of 0.8 × 0.2 + 0.2 × 0.8


def test_outside_the_models_range_and_as_it_came(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    gate = dataclasses.replace(prediction.gate_result, warnings=())
    unwarned = dataclasses.replace(prediction, gate_result=gate)
    said = words(pdf_report(radiograph, unwarned, tiny_bundle, ReportOptions()))
    assert "Warnings about the image none" in said
    gate = dataclasses.replace(
        prediction.gate_result, warnings=(Message("adult"),), correction=Correction(turns=2)
    )
    answer = dataclasses.replace(prediction, gate_result=gate)
    said = words(pdf_report(radiograph, answer, tiny_bundle, ReportOptions()))
    headline = "Outside the model's range This is probably an adult"
    assert headline in said
    worth = text(f"worth_{answer.checks.worth}", "en")
    assert f"{text('evidence', 'en')} {worth}" in said
    # No figure that does not hold there, and no verdict that was not given.
    probability = text("probability", "en")
    for absent in (probability, "Sensitivity", "prevalence", "Threshold", "same each time"):
        assert absent not in said
    assert "Orientation shown as it came" in said


def test_a_heatmap_that_does_not_support_the_answer_is_left_out(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    pdfs = [
        pdf_report(radiograph, prediction, tiny_bundle, ReportOptions(withheld=withheld))
        for withheld in (False, True)
    ]
    left_out = text("heatmap_withheld", "en")
    assert [left_out in words(pdf) for pdf in pdfs] == [False, True]
    pictures = [len(PdfReader(io.BytesIO(pdf)).pages[0].images) for pdf in pdfs]
    assert pictures[0] - pictures[1] >= 1


def test_what_to_expect_elsewhere(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    figures = {"images": 1266, "sensitivity": 0.85, "specificity": 0.91}
    result = {"threshold": 0.5}

    def said(figures: object, reading: ReportOptions) -> str:
        evaluation = {"result": result, "elsewhere": figures}
        bundle = dataclasses.replace(tiny_bundle, evaluation=evaluation)
        return words(pdf_report(radiograph, prediction, bundle, reading))

    own = ReportOptions(threshold=0.8)
    shipped = (
        "What to expect elsewhere sensitivity 85.0% and specificity 91.0% at a threshold of 50%"
    )
    # Models of before have figures at their own threshold only, and they are said to be of it.
    assert shipped in said(figures, ReportOptions())
    assert shipped in said(figures, own)
    counts = {"true_positives": 60, "false_negatives": 40}
    counts |= {"true_negatives": 97, "false_positives": 3}
    curve = [{"threshold": at, **counts} for at in (0.0, 0.8, 1.0)]
    at_own = "sensitivity 60.0% and specificity 97.0% at a threshold of 80%"
    assert at_own in said({**figures, "curve": curve}, own)
    # By the model's rule, with how sure the figures are.
    curve = [{"threshold": at / 100, **counts} for at in range(101)]
    rule = said({**figures, "curve": curve}, ReportOptions())
    assert "With pneumonia, and said to be normal: 40 of 100 (30.9%–49.8%)." in rule
    assert "Normal, and said to be pneumonia: 3 of 100 (1.0%–8.5%)." in rule
    damaged: list[object] = [{"images": 1266}, "none", {**figures, "images": "many"}]
    damaged += [{**figures, "curve": [{"threshold": 0.5}]}, {**figures, "curve": 3}]
    for wrong in damaged:
        assert elsewhere({"result": result, "elsewhere": wrong}) is None


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("warnings", [0, 2, 4, 30])
@pytest.mark.parametrize("turns", [0, 1])
def test_no_word_runs_off_the_page(
    radiograph: Radiograph, prediction: Prediction, language: Language, warnings: int, turns: int
) -> None:
    """With the bundled model's figures, which are the longest, and a square radiograph."""
    bundle = load_bundle(BUNDLED_MODEL)
    square = dataclasses.replace(radiograph, pixels=np.zeros((90, 90), dtype=np.float32))
    gate = dataclasses.replace(
        prediction.gate_result,
        warnings=(Message("tilted", {"degrees": "17"}),) * warnings,
        correction=Correction(turns=turns),
    )
    answer = dataclasses.replace(
        prediction,
        heatmap=np.zeros((90, 90), dtype=np.float32),
        operating_points=bundle.operating_points,
        gate_result=gate,
    )
    reading = ReportOptions(
        language=language, prevalence=0.2, own_reading="PNEUMONIA", own_confidence=0.75
    )
    pdf = pdf_report(square, answer, bundle, reading)
    said = words(pdf, pages=2 if warnings == 30 else 1)
    assert text("limits", language).split()[-1] in said
    assert lowest_line(pdf) >= MARGIN


def test_names_of_any_script_are_drawn_and_others_stay_words(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    def report(name: str) -> bytes:
        named = dataclasses.replace(radiograph, name=name)
        return pdf_report(named, prediction, tiny_bundle, ReportOptions())

    # As some disks write accents: a letter of its own.
    assert "File: Bébé.png" in words(report(unicodedata.normalize("NFD", "Bébé.png")))
    plain = len(PdfReader(io.BytesIO(report("plain.png"))).pages[0].images)
    for name in ("Nguyễn Văn Đức.png", "Ωμέγα.png", "東京.png", 20 * "Łukasz Żółć ", "\ud800.png"):
        page = PdfReader(io.BytesIO(report(name))).pages[0]
        assert "File:" not in page.extract_text()
        drawn = page.images[0].image.convert("L")
        lines = len(page.images) - plain
        assert lines == (3 if len(name) > 100 else 1)
        assert drawn.getextrema()[0] < 120  # dark letters
    # Drawn from left to right, these would be another name.
    assert "File: ????.png" in words(report("שלום.png"))


@pytest.mark.parametrize("shape", [(40, 400), (400, 40), (2500, 2000)])
def test_any_image_fits_on_the_page(
    prediction: Prediction, tiny_bundle: Bundle, shape: tuple[int, int]
) -> None:
    image = Radiograph(pixels=np.zeros(shape, dtype=np.float32), name="x" * 200 + "影")
    answer = dataclasses.replace(prediction, heatmap=np.zeros(shape, dtype=np.float32))
    assert "Probability" in words(pdf_report(image, answer, tiny_bundle, ReportOptions()))


def test_markup_in_names_and_headers_is_plain_text(
    radiograph: Radiograph, prediction: Prediction, tiny_bundle: Bundle
) -> None:
    """No link, script or form gets into the file, whatever the texts would be elsewhere."""
    name = '<a href="javascript:x">(&lt;) \\) /JS.png'
    odd = '<b>17</b> ET /URI (x) <script>alert("1")</script>'
    named = dataclasses.replace(radiograph, name=name)
    warned = dataclasses.replace(
        prediction,
        gate_result=dataclasses.replace(
            prediction.gate_result, warnings=(Message("tilted", {"degrees": odd}),)
        ),
    )
    pdf = pdf_report(named, warned, tiny_bundle, ReportOptions())
    said = words(pdf)
    assert f"File: {name}" in said
    assert f"The chest is tilted by about {odd}°." in said
    reader = PdfReader(io.BytesIO(pdf))
    assert reader.metadata
    assert str(reader.metadata.title).endswith(name)
    assert not {"/Annots", "/AA"} & reader.pages[0].keys()
    assert not {"/OpenAction", "/AA", "/AcroForm", "/Names"} & reader.root_object.keys()
