"""The pictures of the nodes' help pages, made by the nodes themselves on the demo model.

    python3 tools/environment.py -m demo.help_pictures

Writes a JPEG beside each page in web/docs that shows one.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from tools.comfy_server import PACK
from tools.in_process import defaults, load_pack

from .contact_sheet import Panel, contact_sheet

PICTURES, DOCS = PACK / "web" / "pictures", PACK / "web" / "docs"
BOWL = "a blue bowl of {} on a wooden table"
PHOTO = "a white bowl of {} and a red vase on a marble table"
FRAME = (255, 80, 160)


class Nodes:
    """The pack's nodes on the demo model, every widget at its default unless a call says so."""

    def __init__(self, nodes: ModuleType) -> None:
        self.nodes = nodes
        self.model, self.clip, self.vae = nodes.DiffEditDemoModel.execute().result

    def call(self, name: str, **inputs: Any) -> tuple[Any, ...]:
        node = getattr(self.nodes, name)
        if "model" in {one.id for one in node.define_schema().inputs}:
            inputs["model"] = self.model
        return node.execute(**{**defaults(node), **inputs}).result

    def prompt(self, text: str) -> list[Any]:
        return self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text))

    def latent(self, image: torch.Tensor) -> dict[str, Any]:
        return {"samples": self.vae.encode(image)}

    def found(self, image: torch.Tensor, source: str, target: str) -> tuple[torch.Tensor, ...]:
        """DiffEdit Mask's heat map and Mask Refine's mask."""
        prompts = {"source": self.prompt(source), "target": self.prompt(target)}
        latent = self.latent(image)
        _, heat_map = self.call("DiffEditMask", **prompts, latent=latent, image=image)
        (mask,) = self.call("MaskRefine", mask=heat_map, image=image, grow=4)
        return heat_map, mask

    def edited(self, image: torch.Tensor, mask: torch.Tensor, target: str) -> torch.Tensor:
        """By inversion and decoding."""
        (inverted,) = self.call("DDIMInvert", latent=self.latent(image))
        prompts = {"positive": self.prompt(target), "negative": self.prompt("")}
        (edited,) = self.call("MaskedDDIMSample", **prompts, latent=inverted, mask=mask)
        return self.vae.decode(edited["samples"])

    def flow_edited(
        self, image: torch.Tensor, mask: torch.Tensor, prompts: tuple[str, str], seed: int
    ) -> torch.Tensor:
        source, target, negative = (self.prompt(text) for text in (*prompts, ""))
        (edited,) = self.call(
            "DiffEditFlowEdit",
            source=source,
            target=target,
            negative=negative,
            latent=self.latent(image),
            mask=mask,
            seed=seed,
        )
        return self.vae.decode(edited["samples"])


def loaded(name: str) -> torch.Tensor:
    picture = Image.open(PICTURES / name).convert("RGB")
    return torch.from_numpy(np.array(picture)).float()[None] / 255


def shown(image: torch.Tensor) -> Image.Image:
    """The first picture of an IMAGE or a MASK."""
    values = (255 * image[0].clamp(0, 1)).round().byte().numpy()
    return Image.fromarray(values).convert("RGB")


def framed(picture: Image.Image, window: Any) -> Image.Image:
    """A picture with the outline of a window."""
    corner = window.left + window.width - 1, window.top + window.height - 1
    outline = (window.left, window.top, *corner)
    ImageDraw.Draw(picture).rectangle(outline, outline=FRAME, width=picture.width // 150)
    return picture


def bowl_pages(nodes: Nodes) -> dict[str, list[Panel]]:
    image = loaded("source.png")
    source, target = BOWL.format("oranges"), BOWL.format("pears")
    heat_map, mask = nodes.found(image, source, target)
    edit = nodes.edited(image, mask, target)
    (pasted, _) = nodes.call("DiffEditPaste", edited=edit, original=image, mask=mask)
    before = ("image", source, shown(image))
    return {
        "DiffEdit": [
            before,
            ("heat_map", "where the two prompts disagree", shown(heat_map)),
            ("image", target, shown(pasted)),
        ],
        "DiffEditMask": [
            before,
            ("heat_map", f"beside: {target}", shown(heat_map)),
            ("mask", "by the recipe auto", shown(nodes.call("MaskRefine", mask=heat_map)[0])),
        ],
        "MaskedDDIMSample": [
            before,
            ("mask", "white is remade", shown(mask)),
            ("latent", f"decoded: {target}", shown(edit)),
        ],
        "DiffEditFlowEdit": [
            before,
            *(
                (
                    "latent",
                    f"seed {seed}: {target}",
                    shown(nodes.flow_edited(image, mask, (source, target), seed)),
                )
                for seed in (0, 1)
            ),
        ],
    }


def photo_pages(nodes: Nodes) -> dict[str, list[Panel]]:
    photo = loaded("large_photo.jpg")
    source, target = PHOTO.format("oranges"), PHOTO.format("pears")
    shrunk = torch.nn.functional.interpolate(photo.movedim(-1, 1), (192, 192), mode="area")
    region, _ = nodes.found(shrunk.movedim(1, -1), source, target)
    image, _, window, _ = nodes.call("DiffEditWindow", image=photo, mask=region, context=0.7)
    _, mask = nodes.found(image, source, target)
    edit = nodes.edited(image, mask, target)
    pasted, _ = nodes.call("DiffEditPaste", edited=edit, mask=mask, window=window)
    place = window.windows[0]
    return {
        "DiffEditWindow": [
            ("image", "1536 by 1536 pixels", framed(shown(photo), place)),
            ("mask", "a heat map of the shrunk picture", shown(region)),
            ("image", "the window, as large as the model likes", shown(image)),
        ],
        "DiffEditPaste": [
            ("edited", target, shown(edit)),
            ("mask", "found in the window", shown(mask)),
            ("image", "the rest as it was, to the bit", shown(pasted)),
        ],
    }


def main() -> None:
    nodes = Nodes(load_pack())
    with torch.inference_mode():
        pages = bowl_pages(nodes) | photo_pages(nodes)
    for name, panels in pages.items():
        path = DOCS / f"{name}.jpg"
        contact_sheet(panels).save(path, quality=88)
        print(path)


if __name__ == "__main__":
    main()
