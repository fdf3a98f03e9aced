"""Every text of the page, in one place."""

TITLE = "Pneumonia on children's chest radiographs"

# Stays on the page whatever is shown.
DISCLAIMER = (
    "For research and teaching. Not a medical device. Trained on films of children of 1–5 years, "
    "anterior-posterior. It does not check that a picture is a chest radiograph: of anything else, "
    "its answer means nothing."
)
PRIVACY = (
    "Uploads are deleted within minutes, and nothing else is kept. Use only films without names."
)

CHOOSE = "Choose a radiograph"
EXAMPLES = "Or click an example: each is the mean of nine films, and nobody's."

MODEL_LOADING = "The model is loading; a film that you choose now is answered when it is ready."
MODEL_READY = "Model {name} {version} ({sha256}){origin}, trained on: {population}"
FALLBACK = "This is the bundled model, not the one that was asked for. {reason}"
FAILED = "Something went wrong with this film, and it was not classified. Try another one."
MODEL_FAILED = "The model cannot be used: {error}"

# The viewer's own, read by its script.
VIEWER = {
    "invitation": "Drop a chest radiograph here, paste it, or choose a file",
    "formats": "JPEG or PNG",
    "film": "Radiograph",
    "probability": "Probability of pneumonia",
    "verdicts": {"PNEUMONIA": "Pneumonia", "NORMAL": "Normal", "UNCERTAIN": "Uncertain"},
    "reasons": {
        "PNEUMONIA": "at or above the threshold",
        "NORMAL": "below the threshold",
        "UNCERTAIN": "too close to the model's threshold to call: move it to decide",
    },
    "threshold": "Threshold",
    "shipped": "the model's",
    "own": "yours",
    "reset": "Back to the model's threshold",
    "cost": (
        "Called at this threshold, {source}: {found} of {sick} with pneumonia found, "
        "{alarms} of {healthy} normal films called pneumonia."
    ),
    "opacity": "Heatmap",
    "legend_low": "no evidence",
    "legend_high": "strongest",
    "legend": (
        "Grad-CAM: where the evidence for pneumonia lies, on one scale for all films. "
        "It explains the number; it is no outline of disease."
    ),
}
