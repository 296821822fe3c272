"""The same seed makes the same edit, on however many threads and in whatever batch."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tools.comfy_server import PACK
from tools.in_process import defaults

LEVEL = 1 / 255
"""How much a picture may differ."""

PIXELS = 10
"""How many of a mask's pixels may differ: those whose heat is at the threshold, to the rounding."""


@pytest.fixture(scope="module")
def pictures() -> Tensor:
    """The demo's picture, its mirror image, and it in less light: three masks and edits."""
    pixels = np.asarray(Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB"))
    picture = torch.from_numpy(pixels[::2, ::2].copy()).float() / 255
    return torch.stack([picture, picture.flip(1), 0.8 * picture])


Edited = tuple[Tensor, Tensor]
"""Pictures and their masks."""


@pytest.fixture
def edited(nodes, demo, find_mask, stages) -> Callable[..., Edited]:
    """The whole edit of pictures, which have these numbers in their batch."""
    texts = ("a blue bowl of oranges on a wooden table", "a blue bowl of apples on a wooden table")
    source, target = map(demo.encode, texts)

    def edit(image: Tensor, numbers: list[int]) -> Edited:
        latent = {"samples": demo.vae.encode(image), "batch_index": numbers}
        compared = {"source": source, "target": target, "image": image, "draws": 6}
        mask = find_mask(latent, **compared, adaptive=True).result[0]
        samples = stages.sample(stages.invert(latent), mask=mask, positive=target, eta=0.5)
        decoded = demo.vae.decode(samples["samples"])
        paste = {**defaults(nodes.DiffEditPaste), "original": image, "mask": mask}
        return nodes.DiffEditPaste.execute(edited=decoded, **paste).result

    return edit


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def assert_same_edit(one: Edited, other: Edited) -> None:
    differs = (one[1] > 0.5) != (other[1] > 0.5)
    assert differs.sum((1, 2)).max() <= PIXELS
    assert (one[0] - other[0]).abs().amax(-1)[~differs].max() <= LEVEL


def test_one_thread_or_two(edited, pictures, threads):
    threads(1)
    one = edited(pictures[:1], [0])
    assert one[1].any() and (one[0] - pictures[:1]).abs().max() > 0.2
    threads(2)
    assert_same_edit(edited(pictures[:1], [0]), one)


def test_a_picture_is_edited_in_a_batch_as_alone(edited, pictures):
    together = edited(pictures, [0, 1, 2])
    for number in range(3):
        alone = edited(pictures[number : number + 1], [number])
        assert_same_edit(tuple(one[number : number + 1] for one in together), alone)
    # What it would be with another number: the same test then fails.
    other, mine = edited(pictures[:1], [1]), edited(pictures[:1], [0])
    assert (other[0] - mine[0]).abs().max() > 10 * LEVEL
