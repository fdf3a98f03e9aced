"""Names of the heatmap methods, apart from `cxr.model.gradcam`: reading them needs no Keras."""

from __future__ import annotations

from typing import Literal, get_args

Method = Literal["gradcam", "hirescam", "gradcam++"]
METHODS: tuple[Method, ...] = get_args(Method)
