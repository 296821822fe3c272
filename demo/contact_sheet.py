"""Pictures side by side on one labelled sheet."""

from PIL import Image, ImageDraw, ImageFont

PANEL = 384
MARGIN = 28
LABEL_HEIGHT = 108
PAPER = (250, 249, 246)
INK = (32, 32, 36)
FADED_INK = (118, 116, 112)

Panel = tuple[str, str, Image.Image]
"""A title, a caption and a picture."""


def contact_sheet(panels: list[Panel]) -> Image.Image:
    """One row of pictures, all of one width, each over its title and caption."""
    step = PANEL + MARGIN
    heights = [round(PANEL * picture.height / picture.width) for _, _, picture in panels]
    size = (MARGIN + step * len(panels), MARGIN + max(heights) + LABEL_HEIGHT)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    title_font = ImageFont.load_default(24)
    caption_font = ImageFont.load_default(18)
    for column, (title, caption, picture) in enumerate(panels):
        left = MARGIN + step * column
        enlarged = picture.convert("RGB").resize((PANEL, heights[column]), Image.Resampling.LANCZOS)
        sheet.paste(enlarged, (left, MARGIN))
        label_top = MARGIN + max(heights) + 12
        draw.text((left, label_top), title, INK, title_font)
        draw.text((left, label_top + 34), wrap(caption, caption_font), FADED_INK, caption_font)
    return sheet


def wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text broken into lines no wider than a panel."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= PANEL:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)
