"""A bundle's JSON becomes its model card: no figure in it was typed by hand."""

from __future__ import annotations

from typing import Any

from cxr.operating_points import Interval, OperatingPoint, OperatingPoints


def model_card(config: dict[str, Any], points: OperatingPoints, evaluation: dict[str, Any]) -> str:
    """The card as Markdown, with the Hub's front matter.

    Args:
        config: content of config.json.
        points: content of operating_points.json.
        evaluation: content of evaluation.json.
    """
    shipped = points.at(points.threshold)
    trained, network = config["trained_on"], config["network"]
    size = network["input_size"]
    return f"""---
license: apache-2.0
library_name: keras
pipeline_tag: image-classification
tags: [chest-x-ray, pneumonia, cnn-lstm, grad-cam]
---

# {config["name"]} {config["version"]}

Probability of pneumonia on a chest radiograph, with a Grad-CAM heatmap. Trained on:
{trained["population"]}. **For research and teaching. Not a medical device: do not use it to
diagnose, to triage or to treat.**

| | |
|---|---|
| Network | {network["architecture"]} CNN-LSTM, {config["parameters"]:,} parameters, \
{size}×{size} input |
| Trained on | {trained["films"]:,} films of {trained["patients"]:,} patients: {trained["name"]} |
| Held out | {evaluation["films"]:,} films of {evaluation["patients"]:,} other patients, \
{evaluation["pneumonia"]:,} of them with pneumonia |

## Results on the held-out films

| | |
|---|---|
| AUC | {evaluation["metrics"]["auc"]:.4f} |
| Average precision | {evaluation["metrics"]["average_precision"]:.4f} |
| Accuracy at the shipped threshold | {evaluation["metrics"]["accuracy"]:.1%} |
| Sensitivity | {_share(shipped.sensitivity, shipped.sensitivity_interval())} |
| Specificity | {_share(shipped.specificity, shipped.specificity_interval())} |

{_thresholds(points)}

Intervals are 95 % Wilson intervals by film. The threshold was chosen on these same films, which
come from the same hospital and the same years as the training films: expect less elsewhere.

{_kinds(evaluation)}

## Not known, not for

- Other ages and views than those above, CT, other diseases: never seen in training.
- It does not tell which pneumonia, nor how severe; a normal verdict does not exclude one.
- Films of another hospital: not measured.
- The official test split: not yet measured.

## Data

{trained["credit"]}
"""


def _kinds(evaluation: dict[str, Any]) -> str:
    kinds = evaluation["sensitivity_by_kind"].items()
    found = (f"{kind} {counts['found']} of {counts['films']}" for kind, counts in kinds)
    return f"Found by kind, at the shipped threshold: {', '.join(found)}."


def _thresholds(points: OperatingPoints) -> str:
    rows = [
        ("high sensitivity", points.high_sensitivity),
        ("shipped", points.threshold),
        ("high specificity", points.high_specificity),
    ]
    lines = ["| threshold | | found | false alarms |", "|---|---|---|---|"]
    lines += [_row(name, points.at(threshold)) for name, threshold in rows]
    return "\n".join(lines)


def _row(name: str, point: OperatingPoint) -> str:
    sick = point.true_positives + point.false_negatives
    healthy = point.true_negatives + point.false_positives
    return (
        f"| {point.threshold:.2f} | {name} | {point.true_positives} of {sick} "
        f"| {point.false_positives} of {healthy} |"
    )


def _share(value: float, interval: Interval) -> str:
    return f"{value:.1%} ({interval[0]:.1%}–{interval[1]:.1%})"
