"""The pack's pictures: each choice is one, as it is in its file."""

import numpy as np
from PIL import Image

from tools.comfy_server import PACK

PICTURES = PACK / "web" / "pictures"


def test_the_choices_are_the_pictures(nodes):
    node = nodes.DiffEditDemoPicture
    (choice,) = node.define_schema().inputs
    assert set(choice.options) == {path.name for path in PICTURES.iterdir()}
    for name in choice.options:
        (image,) = node.execute(picture=name).result
        pixels = np.asarray(Image.open(PICTURES / name).convert("RGB"))
        assert np.array_equal((image[0].numpy() * 255).round().astype(np.uint8), pixels)
