"""The pack's nodes in this process, as the benchmarks call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from lab.architecture import FACTOR
from lab.render import SIZE
from tools.in_process import defaults

from .cases import Case


@dataclass(frozen=True)
class Settings:
    """What differs from the defaults of the three stages; `inversion` is the node that makes the
    trajectory.
    """

    mask: dict[str, Any] = field(default_factory=dict)
    invert: dict[str, Any] = field(default_factory=dict)
    sample: dict[str, Any] = field(default_factory=dict)
    inversion: str = "DDIMInvert"


DEFAULTS = Settings()
FAST = Settings(invert={"steps": 10})
FEW_STEP = Settings(
    invert={"steps": 5, "strength": 1.0},
    sample={"cfg": 2.0, "eta": 1.0},
    inversion="DiffEditNoiseTrajectory",
)
"""For the demo model with its LoRA, as in the example *DiffEdit few steps*."""


class Pack:
    """The nodes on the demo model, every widget at its default unless a call says otherwise.

    lora: a file to change the model by, as Load LoRA does.
    evaluations: of single samples by the model, since it was last set to 0.  cost: the same in
    evaluations of the size of picture that the model likes.
    """

    def __init__(self, nodes: ModuleType, lora: Path | None = None) -> None:
        self.nodes = nodes
        model, self.clip, self.vae = nodes.DiffEditDemoModel.execute().result
        if lora:
            import comfy.sd
            import comfy.utils

            weights = comfy.utils.load_torch_file(str(lora))
            model, _ = comfy.sd.load_lora_for_models(model, None, weights, 1.0, 0.0)
        self.model = model.clone()
        self.evaluations = 0
        self.cost = 0.0
        self.model.set_model_unet_function_wrapper(self._count)

    def call(self, name: str, **inputs: Any) -> tuple[Any, ...]:
        node = getattr(self.nodes, name)
        return node.execute(**{**defaults(node), **inputs}).result

    def pictures(self, cases: list[Case]) -> torch.Tensor:
        """The sources as an IMAGE."""
        return as_image([case.source.rgb for case in cases])

    def conditioning(self, texts: list[str]) -> list[Any]:
        """One CONDITIONING with a prompt for each picture."""
        encoded = [
            self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text)) for text in texts
        ]
        return [[torch.cat([conditioning[0][0] for conditioning in encoded]), {}]]

    def prompts(self, cases: list[Case]) -> tuple[list[Any], list[Any]]:
        """The CONDITIONINGs of the sources' captions and of the targets'."""
        return (
            self.conditioning([case.edit.source.caption for case in cases]),
            self.conditioning([case.edit.target.caption for case in cases]),
        )

    def found(
        self, image: torch.Tensor, latent: dict[str, Any], prompts: Any, **settings: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """DiffEdit Mask's mask and heat map under a pair of prompts."""
        source, target = prompts
        compared = {"source": source, "target": target, "latent": latent, "image": image}
        return self.call("DiffEditMask", model=self.model, **compared, **settings)[:2]

    def trajectory(self, latent: dict[str, Any], settings: Settings = DEFAULTS) -> dict[str, Any]:
        """The LATENT that Masked DDIM Sample starts from."""
        return self.call(settings.inversion, model=self.model, latent=latent, **settings.invert)[0]

    def edited_latent(
        self,
        latent: dict[str, Any],
        mask: torch.Tensor,
        target: list[Any],
        settings: Settings = DEFAULTS,
    ) -> dict[str, Any]:
        """The edit of an encoded picture."""
        return self.sampled(self.trajectory(latent, settings), mask, target, **settings.sample)

    def sampled(
        self, trajectory: dict[str, Any], mask: torch.Tensor, target: list[Any], **settings: Any
    ) -> dict[str, Any]:
        """Masked DDIM Sample away from an empty prompt."""
        prompts = {"positive": target, "negative": self.conditioning([""])}
        inputs = {"model": self.model, "latent": trajectory, "mask": mask, **prompts}
        return self.call("MaskedDDIMSample", **inputs, **settings)[0]

    def edited_by_stages(
        self, cases: list[Case], image: torch.Tensor, settings: Settings = DEFAULTS
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The edited IMAGE, as it is decoded, and its MASK."""
        latent = {"samples": self.vae.encode(image)}
        source, target = self.prompts(cases)
        mask, _ = self.found(image, latent, (source, target), **settings.mask)
        edited = self.edited_latent(latent, mask, target, settings)
        return self.vae.decode(edited["samples"]), mask

    def decoded(self, latent: dict[str, Any]) -> np.ndarray:
        """The LATENT as uint8 pictures (B, H, W, 3)."""
        return as_bytes(self.vae.decode(latent["samples"]).clamp(0, 1))

    def _count(self, apply_model: Any, call: dict[str, Any]) -> torch.Tensor:
        count, _, height, width = call["input"].shape
        self.evaluations += count
        self.cost += count * height * width / (SIZE // FACTOR) ** 2
        return apply_model(call["input"], call["timestep"], **call["c"])


def as_image(pictures: Sequence[np.ndarray]) -> torch.Tensor:
    """uint8 pictures (H, W, 3) as an IMAGE."""
    return torch.from_numpy(np.stack(pictures)).float() / 255


def as_bytes(image: torch.Tensor) -> np.ndarray:
    """An IMAGE as uint8 pictures (B, H, W, 3)."""
    return np.round(255 * image.numpy()).astype(np.uint8)
