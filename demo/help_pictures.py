"""The pictures of the nodes' help pages, made by the nodes themselves on the demo model.

    python3 tools/environment.py -m demo.help_pictures

Writes a JPEG beside each page in web/docs that shows one.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from PIL import Image, ImageDraw

from tools.comfy_server import PACK
from tools.in_process import defaults, load_pack

from .contact_sheet import PAPER, Panel, contact_sheet

DOCS = PACK / "web" / "docs"
BOWL = "a blue bowl of {} on a wooden table"
THINGS = "a blue bowl of {} and a red {} on a wooden table"
PHOTO = "a white bowl of {} and a red vase on a marble table"
FRAME = (255, 80, 160)
IN_A_ROW = 3  # the help panel is narrow


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

    def picture(self, name: str) -> torch.Tensor:
        return self.call("DiffEditDemoPicture", picture=name)[0]

    def masked(self, image: torch.Tensor, source: str, target: str) -> tuple[Any, Any]:
        """DiffEdit Mask's mask and heat map."""
        prompts = {"source": self.prompt(source), "target": self.prompt(target)}
        inputs = {**prompts, "latent": self.latent(image), "image": image}
        return self.call("DiffEditMask", **inputs)[:2]

    def found(self, image: torch.Tensor, source: str, target: str) -> tuple[torch.Tensor, ...]:
        """DiffEdit Mask's heat map and Mask Refine's mask."""
        _, heat_map = self.masked(image, source, target)
        (mask,) = self.call("MaskRefine", mask=heat_map, image=image, grow=4)
        return heat_map, mask

    def sampled(
        self, latent: dict[str, Any], mask: torch.Tensor, target: list[Any], cfg: float = 7.5
    ) -> torch.Tensor:
        """A trajectory sampled down by Masked DDIM Sample and decoded."""
        prompts = {"positive": target, "negative": self.prompt("")}
        (edited,) = self.call("MaskedDDIMSample", **prompts, latent=latent, mask=mask, cfg=cfg)
        return self.vae.decode(edited["samples"])

    def level(self, latent: dict[str, Any], step: int) -> torch.Tensor:
        """A LATENT's trajectory after a step, decoded."""
        _, trajectory = self.nodes.adapter.trajectory.detach(latent)
        return self.vae.decode(trajectory.latents[step])

    def edited(self, image: torch.Tensor, mask: torch.Tensor, target: str) -> torch.Tensor:
        """By inversion and decoding."""
        (inverted,) = self.call("DDIMInvert", latent=self.latent(image))
        return self.sampled(inverted, mask, self.prompt(target))

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
    image = nodes.picture("source.png")
    source, target = BOWL.format("oranges"), BOWL.format("pears")
    heat_map, mask = nodes.found(image, source, target)
    edit = nodes.edited(image, mask, target)
    (pasted, _) = nodes.call("DiffEditPaste", edited=edit, original=image, mask=mask)
    (overlay,) = nodes.call("DiffEditPreviewHeatMap", heat_map=heat_map, image=image)
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
        "DiffEditPreviewHeatMap": [
            before,
            ("heat_map", f"beside: {target}", shown(heat_map)),
            ("image", "the heat map in colour over it", shown(overlay)),
        ],
        "MaskRefine": refine_page(nodes, image, heat_map),
        "DDIMInvert": inversion_page(nodes, image),
        "DiffEditNoiseTrajectory": noise_page(nodes, image, mask, target, edit),
    }


def photo_pages(nodes: Nodes) -> dict[str, list[Panel]]:
    photo = nodes.picture("large_photo.jpg")
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


def kept_page(nodes: Nodes) -> list[Panel]:
    """After an editor that draws all of the picture anew, a little larger and in other colours."""
    image, target = nodes.picture("source.png"), BOWL.format("pears")
    redrawn = nodes.edited(image, torch.ones(image.shape[:3]), target)
    larger = torch.nn.functional.interpolate(redrawn.movedim(-1, 1), (208, 208), mode="bicubic")
    edited = larger.movedim(1, -1)[:, 10:202].clamp(0, 1) ** torch.tensor([0.9, 1.0, 1.15])
    kept, mask, heat_map, aligned = nodes.call("DiffEditKeepTheRest", original=image, edited=edited)
    (overlay,) = nodes.call("DiffEditPreviewHeatMap", heat_map=heat_map, image=image)
    return [
        ("original", "before the edit", shown(image)),
        ("edited", f"all of it anew, for: {target}", shown(edited)),
        ("image", "the edit, and the rest as it was", shown(kept)),
        ("heat_map", "what has really changed", shown(overlay)),
        ("mask", "what was taken over", shown(mask)),
        ("aligned", "all of the edit, in place and colour", shown(aligned)),
    ]


def refine_page(nodes: Nodes, image: torch.Tensor, heat_map: torch.Tensor) -> list[Panel]:
    def refined(**widgets: Any) -> Image.Image:
        return shown(nodes.call("MaskRefine", mask=heat_map, image=image, **widgets)[0])

    return [
        ("mask", "a heat map", shown(heat_map)),
        ("threshold 0.2", "takes in more", refined(method="value", threshold=0.2)),
        ("threshold 0.7", "takes in less", refined(method="value", threshold=0.7)),
        ("as it comes", "the threshold of otsu", refined()),
        ("grow 12", "12 pixels wider all round", refined(grow=12)),
        ("feather 6", "a soft edge", refined(feather=6.0)),
    ]


def inversion_page(nodes: Nodes, image: torch.Tensor) -> list[Panel]:
    (inverted,) = nodes.call("DDIMInvert", latent=nodes.latent(image))
    everywhere = torch.ones(image.shape[:3])
    back = nodes.sampled(inverted, everywhere, nodes.prompt(""), cfg=1.0)
    return [
        ("image", "what is inverted", shown(image)),
        *(
            ("trajectory", f"after step {step} of 16", shown(nodes.level(inverted, step)))
            for step in (4, 8, 12, 16)
        ),
        ("and back", "all of it sampled down again, under no prompt", shown(back)),
    ]


def noise_page(
    nodes: Nodes, image: torch.Tensor, mask: torch.Tensor, target: str, inverted: torch.Tensor
) -> list[Panel]:
    """inverted: the same edit by inversion, to compare with."""
    noised = [
        nodes.call("DiffEditNoiseTrajectory", latent=nodes.latent(image), strength=0.7, seed=seed)
        for seed in (0, 1)
    ]
    edits = [shown(nodes.sampled(latent, mask, nodes.prompt(target))) for (latent,) in noised]
    return [
        ("image", "before", shown(image)),
        ("trajectory", "after step 4 of 14, seed 0", shown(nodes.level(noised[0][0], 4))),
        ("trajectory", "after step 14, its noisy end", shown(nodes.level(noised[0][0], -1))),
        ("seed 0", target, edits[0]),
        ("seed 1", target, edits[1]),
        ("to compare", "the same by DDIM Invert", shown(inverted)),
    ]


def things_pages(nodes: Nodes) -> dict[str, list[Panel]]:
    image = nodes.picture("two_things.png")
    source = THINGS.format("apples", "cup")
    targets = THINGS.format("pears", "cup"), THINGS.format("apples", "vase")
    (mask_a, heat_a), (mask_b, heat_b) = (nodes.masked(image, source, text) for text in targets)
    mask, target, heat_map = nodes.call(
        "DiffEditJoinEdits",
        mask_a=mask_a,
        mask_b=mask_b,
        target_a=nodes.prompt(targets[0]),
        target_b=nodes.prompt(targets[1]),
        heat_map_a=heat_a,
        heat_map_b=heat_b,
    )
    (inverted,) = nodes.call("DDIMInvert", latent=nodes.latent(image))
    _, cup = nodes.masked(image, source, BOWL.format("apples"))
    (hole,) = nodes.call("MaskRefine", mask=cup, image=image, hysteresis=0.4, grow=12, feather=4.0)
    (filled,) = nodes.call("DiffEditFillMask", image=image, mask=hole)
    before = ("image", source, shown(image))
    return {
        "DiffEditJoinEdits": [
            before,
            ("mask_a", targets[0], shown(mask_a)),
            ("mask_b", targets[1], shown(mask_b)),
            ("mask", "both of them", shown(mask)),
            ("heat_map", "at each place that of its edit", shown(heat_map)),
            ("edited", "both edits in one pass", shown(nodes.sampled(inverted, mask, target))),
        ],
        "DiffEditFillMask": [
            before,
            ("mask", "the cup and its shadow", shown(hole)),
            ("image", "painted over", shown(filled)),
        ],
    }


def demo_picture_page(nodes: Nodes) -> list[Panel]:
    captions = {
        "source.png": BOWL.format("oranges"),
        "two_things.png": THINGS.format("apples", "cup"),
        "large_photo.jpg": PHOTO.format("oranges"),
    }
    return [(name, text, shown(nodes.picture(name))) for name, text in captions.items()]


def sheet(panels: list[Panel]) -> Image.Image:
    """The panels in rows, all as wide as the first."""
    rows = [contact_sheet(panels[i : i + IN_A_ROW]) for i in range(0, len(panels), IN_A_ROW)]
    whole = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), PAPER)
    for number, row in enumerate(rows):
        whole.paste(row, (0, sum(above.height for above in rows[:number])))
    return whole


def main() -> None:
    nodes = Nodes(load_pack())
    with torch.inference_mode():
        pages = bowl_pages(nodes) | things_pages(nodes) | photo_pages(nodes)
        pages["DiffEditDemoPicture"] = demo_picture_page(nodes)
        pages["DiffEditKeepTheRest"] = kept_page(nodes)
    for name, panels in pages.items():
        path = DOCS / f"{name}.jpg"
        sheet(panels).save(path, quality=88)
        print(path)


if __name__ == "__main__":
    main()
