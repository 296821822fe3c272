"""What makes neither pictures nor videos, and must be refused."""

from __future__ import annotations

import torch

from tests.families.family import Family

SOUND, SHAPE = "makes sound", "shapes"


def seconds(name: str) -> dict[str, torch.Tensor]:
    """The weights that Stable Audio's file has beside the network's, of an embedding of times."""
    prefix = f"conditioner.conditioners.{name}.embedder.embedding"
    return {
        f"{prefix}.0.weights": torch.zeros(128),
        f"{prefix}.1.weight": torch.zeros(768, 257),
        f"{prefix}.1.bias": torch.zeros(768),
    }


OTHERS = {
    "StableAudio": Family(
        "StableAudio",
        None,
        (1, 64, 16),
        1,
        checkpoint={**seconds("seconds_start"), **seconds("seconds_total")},
        refused=SOUND,
    ),
    "StableAudio3": Family(
        "StableAudio3",
        None,
        (1, 256, 16),
        1,
        late={"timestep_features_type": "learned"},
        checkpoint=seconds("seconds_total"),
        refused=SOUND,
    ),
    "ACEStep": Family("ACEStep", None, (1, 8, 16, 24), 1, refused=SOUND),
    "ACEStep15": Family("ACEStep15", None, (1, 64, 16), 1, refused=SOUND),
    "Hunyuan3Dv2": Family("Hunyuan3Dv2", None, (1, 64, 16), 1, refused=SHAPE),
    "Hunyuan3Dv2mini": Family("Hunyuan3Dv2mini", None, (1, 64, 16), 1, refused=SHAPE),
    "Hunyuan3Dv2_1": Family("Hunyuan3Dv2_1", None, (1, 64, 16), 1, refused=SHAPE),
    "TripoSplat": Family("TripoSplat", None, (1, 16, 8, 8), 1, refused=SHAPE),
    "RT_DETR_v4": Family("RT_DETR_v4", None, (1, 4, 8, 8), 1, refused="finds things"),
    "SAM3": Family("SAM3", None, (1, 4, 8, 8), 1, refused="outlines things"),
    "SAM31": Family("SAM31", None, (1, 4, 8, 8), 1, refused="outlines things"),
    "DepthAnything3": Family("DepthAnything3", None, (1, 4, 8, 8), 1, refused="measures depth"),
}
