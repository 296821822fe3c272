"""Every class of ComfyUI's list of models: run as a small model, refused, or why neither."""

from __future__ import annotations

from tests.families.image_transformers import IMAGE_TRANSFORMERS
from tests.families.others import OTHERS
from tests.families.pixels import PIXELS
from tests.families.unets import UNETS
from tests.families.videos import VIDEOS

_ALL = {**UNETS, **IMAGE_TRANSFORMERS, **PIXELS, **VIDEOS, **OTHERS}

FAMILIES = {name: family for name, family in _ALL.items() if not family.refused}
REFUSED = {name: family for name, family in _ALL.items() if family.refused}

NOT_BUILT: dict[str, str] = {}
"""Classes that can be neither run nor refused here, and why."""
