"""The pack's icon and banner in the ComfyUI registry.

    python3 tools/environment.py -m demo.registry_pictures

The banner is a real edit by the nodes on the demo model. Both go into demo/registry/, to which
pyproject.toml points.
"""

import torch
from PIL import Image, ImageDraw, ImageFont

from tools.comfy_server import PACK
from tools.in_process import load_pack

from .contact_sheet import INK, PAPER
from .help_pictures import BOWL, Nodes, shown

FOLDER = PACK / "demo" / "registry"
ICON = 400
BANNER = (1260, 540)  # the registry's banners are 21:9
SMOOTH = 4  # drawn so many times larger, then shrunk
ORANGE, PEAR = (244, 160, 48), (150, 196, 72)


def icon() -> Image.Image:
    """One thing inside an outline, half of it already another."""
    side = ICON * SMOOTH
    picture = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, side - 1, side - 1), side // 6, INK)
    thing = [side * edge for edge in (0.24, 0.24, 0.76, 0.76)]
    draw.pieslice(thing, 135, 315, ORANGE)
    draw.pieslice(thing, 315, 135, PEAR)
    outline = [side * edge for edge in (0.14, 0.14, 0.86, 0.86)]
    for angle in range(0, 360, 30):
        draw.arc(outline, angle, angle + 18, PAPER, side // 32)
    return picture.resize((ICON, ICON), Image.Resampling.LANCZOS)


def banner(panels: list[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures side by side over the whole height, each with a word in its corner."""
    width, height = BANNER[0] // len(panels), BANNER[1]
    sheet = Image.new("RGB", BANNER, PAPER)
    font = ImageFont.load_default(30)
    for column, (word, picture) in enumerate(panels):
        enlarged = picture.resize((height, height), Image.Resampling.LANCZOS)
        left = (height - width) // 2
        panel = enlarged.crop((left, 0, left + width - 4, height))
        ImageDraw.Draw(panel).text((22, 18), word, PAPER, font, stroke_width=3, stroke_fill=INK)
        sheet.paste(panel, (column * width + 2, 0))
    return sheet


def edit(nodes: Nodes) -> list[tuple[str, Image.Image]]:
    image = nodes.picture("source.png")
    source, target = BOWL.format("oranges"), BOWL.format("apples")
    heat_map, _ = nodes.found(image, source, target)
    (mask,) = nodes.call("MaskRefine", mask=heat_map, image=image)
    (overlay,) = nodes.call("DiffEditPreviewHeatMap", heat_map=heat_map, image=image)
    made = nodes.edited(image, mask, target)
    pasted, _ = nodes.call("DiffEditPaste", edited=made, original=image, mask=mask)
    return [
        ("oranges", shown(image)),
        ("DiffEdit finds them", shown(overlay)),
        ("apples", shown(pasted)),
    ]


def main() -> None:
    nodes = Nodes(load_pack())
    FOLDER.mkdir(exist_ok=True)
    icon().save(FOLDER / "icon.png", optimize=True)
    with torch.inference_mode():
        banner(edit(nodes)).save(FOLDER / "banner.jpg", quality=88)


if __name__ == "__main__":
    main()
