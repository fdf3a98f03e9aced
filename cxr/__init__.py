"""Pneumonia on children's chest radiographs: probability, verdict and heatmap.

The names below load their module when they are first used, so that ``import cxr`` takes
milliseconds.

For research and teaching. Not a medical device.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxr.classifier import Classifier, Prediction
    from cxr.errors import CXRError, NotAChestRadiograph, RadiographError
    from cxr.model.bundle import Bundle, load_bundle
    from cxr.model.operating_points import OperatingPoint, OperatingPoints
    from cxr.output.overlay import draw_overlay
    from cxr.preprocessing import Preprocessing
    from cxr.reading.radiograph import Radiograph, read_radiograph

__version__ = "0.23.0"

__all__ = [
    "Bundle",
    "CXRError",
    "Classifier",
    "NotAChestRadiograph",
    "OperatingPoint",
    "OperatingPoints",
    "Prediction",
    "Preprocessing",
    "Radiograph",
    "RadiographError",
    "__version__",
    "draw_overlay",
    "load_bundle",
    "read_radiograph",
]

_MODULE_OF = {
    "Bundle": "cxr.model.bundle",
    "CXRError": "cxr.errors",
    "Classifier": "cxr.classifier",
    "NotAChestRadiograph": "cxr.errors",
    "OperatingPoint": "cxr.model.operating_points",
    "OperatingPoints": "cxr.model.operating_points",
    "Prediction": "cxr.classifier",
    "Preprocessing": "cxr.preprocessing",
    "Radiograph": "cxr.reading.radiograph",
    "RadiographError": "cxr.errors",
    "load_bundle": "cxr.model.bundle",
    "draw_overlay": "cxr.output.overlay",
    "read_radiograph": "cxr.reading.radiograph",
}


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'cxr' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
