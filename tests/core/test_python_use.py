"""The examples of the core in plain Python, run from the text of docs/python.md."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> dict[str, Any]:
    """The variables that the examples leave behind, one after the other."""
    codes = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    variables: dict[str, Any] = {}
    folder = tmp_path_factory.mktemp("pack")
    for name in ("demo", "web"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.chdir(folder)
        for code in codes:
            exec(compile(code, str(PAGE), "exec"), variables)
    return variables


def test_outside_the_mask_the_latent_is_the_source(example):
    outside = (example["weight"] == 0).expand_as(example["latent"])
    assert torch.equal(example["edited"][outside], example["latent"][outside])
    assert 0.03 < example["mask"].mean() < 0.4


def test_inside_the_mask_oranges_became_apples(example):
    """Apples are red and oranges orange: little green is left."""
    source = Image.open(ROOT / "web" / "pictures" / "source.png").convert("RGB")
    greens = [np.asarray(one)[..., 1].astype(float) for one in (source, example["picture"])]
    inside = example["mask"][0].numpy() == 1
    before, after = (green[inside].mean() for green in greens)
    assert after < 0.7 * before
    before, after = (green[~inside].mean() for green in greens)
    assert 0.95 * before < after < 1.05 * before


def test_one_call_does_what_the_stages_do(example):
    """But for their 20 steps, where one call has the node's 50."""
    edit = example["edit"]
    assert torch.equal(edit.mask, example["mask"][0])
    one, other = (
        np.asarray(picture).astype(float) for picture in (edit.picture, example["picture"])
    )
    inside = edit.mask.numpy() == 1
    assert np.abs(one - other)[inside].mean() < 12


def test_embeddings_given_directly_are_those_of_the_text(example):
    denoiser = example["DiffusersDenoiser"](example["pipe"], {"positive": example["wish"]})
    x, sigma = example["latent"], 1.0
    (by_text,) = denoiser.denoise(x, sigma, ["positive"])
    (by_embeddings,) = example["denoiser"].denoise(x, sigma, ["positive"])
    assert torch.equal(by_text, by_embeddings)


def test_of_an_edit_made_elsewhere_only_the_change_is_kept(example):
    kept = example["kept"]
    assert torch.equal(kept.image[kept.mask == 0], example["before"][kept.mask == 0])
    assert 0.5 < kept.mask.mean() / example["mask"].mean() < 2
