"""A family's small model through the stages of the pack."""

from __future__ import annotations

from functools import cached_property
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from tests.families.family import Family, noise
from tools.in_process import defaults

STEPS, STRENGTH = 5, 0.8


def relative(returned: Tensor, wanted: Tensor) -> float:
    return float((returned - wanted).norm() / wanted.norm())


class Stages:
    """Each stage is run once, when it is first asked for."""

    def __init__(self, nodes: ModuleType, family: Family):
        self.nodes = nodes
        self.family = family
        self.source, self.target = family.conditioning(1), family.conditioning(2)
        self.height, self.width = family.latent[-2:]

    def call(self, name: str, **inputs: Any) -> tuple[Any, ...]:
        """A node by its name, every input at its default unless given."""
        node = getattr(self.nodes, name)
        if "latent" not in inputs:
            inputs["latent"] = self.latent
        return node.execute(**{**defaults(node), "model": self.model, **inputs}).result

    @cached_property
    def model(self) -> Any:
        return self.family.model()

    @cached_property
    def latent(self) -> dict[str, Any]:
        return {"samples": self.family.samples(self.model)}

    @cached_property
    def scheduler(self) -> str:
        """The pack's own choice."""
        return self.nodes.adapter.model_facts.scheduler(self.model)

    @cached_property
    def picture_size(self) -> tuple[int, int]:
        return self.height * self.family.pixels, self.width * self.family.pixels

    def mask(self, target: list[Any]) -> tuple[Tensor, Tensor]:
        """The mask and the heat map of DiffEdit Mask, which is given the picture where ComfyUI is
        wrong about the size of a cell.
        """
        inputs = {"source": self.source, "target": target, "draws": 2}
        believed = self.model.get_model_object("latent_format").spacial_downscale_ratio
        if believed != self.family.pixels:
            inputs["image"] = noise(1, *self.picture_size, 3).sigmoid()
        return self.call("DiffEditMask", **inputs)[:2]

    @cached_property
    def masks(self) -> tuple[Tensor, Tensor]:
        return self.mask(self.target)

    @cached_property
    def masks_of_equal_prompts(self) -> tuple[Tensor, Tensor]:
        return self.mask(self.source)

    def invert(self, **inputs: Any) -> dict[str, Any]:
        """An inversion under the source prompt."""
        given = {"conditioning": self.source, "scheduler": self.scheduler}
        given |= {"steps": STEPS, "strength": STRENGTH}
        given |= {"iterations": self.family.iterations, "tolerance": 1e-5}
        return self.call("DDIMInvert", **{**given, **inputs})[0]

    @cached_property
    def inverted(self) -> dict[str, Any]:
        return self.invert()

    def decode(self, mask: Tensor, **inputs: Any) -> Tensor:
        """The inverted latent sampled again, under the target prompt unless told otherwise."""
        given = {"positive": self.target, "negative": self.source, "cfg": 2.0, **inputs}
        return self.call("MaskedDDIMSample", latent=self.inverted, mask=mask, **given)[0]["samples"]

    @cached_property
    def everywhere(self) -> Tensor:
        return torch.ones(1, self.height, self.width)

    @cached_property
    def round_trip(self) -> float:
        """What inversion and decoding under one prompt lose, as a fraction of the source."""
        returned = self.decode(self.everywhere, positive=self.source, cfg=1.0)
        return relative(returned, self.latent["samples"])

    @cached_property
    def edited(self) -> Tensor:
        return self.decode(self.everywhere)

    @cached_property
    def left_half(self) -> Tensor:
        mask = self.everywhere.clone()
        mask[..., self.width // 2 :] = 0
        return mask

    def halves(self, edited: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The left half and the right one of an edit, then those of the source."""
        middle, source = self.width // 2, self.latent["samples"]
        return (
            edited[..., :middle],
            edited[..., middle:],
            source[..., :middle],
            source[..., middle:],
        )

    def flow_edit(self, mask: Tensor, target: list[Any], cfg: float) -> Tensor:
        given = {"source": self.source, "target": target, "negative": self.source, "mask": mask}
        given |= {"scheduler": self.scheduler, "steps": STEPS, "strength": STRENGTH, "cfg": cfg}
        return self.call("DiffEditFlowEdit", **given)[0]["samples"]

    @cached_property
    def stock(self) -> float:
        """How far from ours the edit of a stock sampler is that goes on from the inverted latent,
        as KSamplerAdvanced does with add_noise off.
        """
        import comfy.sample

        top = self.inverted["samples"]
        edited = comfy.sample.sample(
            self.model,
            torch.zeros_like(top),
            steps=STEPS,
            cfg=2.0,
            sampler_name="euler",
            scheduler=self.scheduler,
            positive=self.target,
            negative=self.source,
            latent_image=top,
            disable_noise=True,
            start_step=round(STEPS * (1 - STRENGTH)),
            seed=0,
            disable_pbar=True,
        )
        return relative(edited, self.edited)
