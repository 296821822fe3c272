"""Half precision that overflows is told in one sentence and makes no edit of NaN."""

from types import SimpleNamespace

import pytest
import torch

from tests.one_sentence import assert_one_sentence

OVERFLOW = 1e5
"""In float32 a large number, in float16 infinity."""


@pytest.fixture
def overflowing(demo) -> SimpleNamespace:
    """The demo model, computing in float16 and in float32, whose last layer has large weights."""

    def patched(dtype: torch.dtype):
        model = demo.model.clone()
        key = "diffusion_model.out.2.bias"
        bias = torch.full_like(model.model_state_dict()[key], OVERFLOW, dtype=torch.float32)
        model.add_patches({key: (bias,)})
        model.set_model_compute_dtype(dtype)
        return model

    return SimpleNamespace(half=patched(torch.float16), full=patched(torch.float32))


def test_a_mask(find_mask, overflowing, latent):
    assert find_mask(latent, model=overflowing.full).result[0].isfinite().all()
    with pytest.raises(ValueError) as error:
        find_mask(latent, model=overflowing.half)
    assert_one_sentence(error, "model")
    assert "precision" in str(error.value)


def test_an_inversion(stages, overflowing, latent):
    assert stages.invert(latent, model=overflowing.full)["samples"].isfinite().all()
    with pytest.raises(ValueError) as error:
        stages.invert(latent, model=overflowing.half)
    assert_one_sentence(error, "model")


def test_a_decoding(stages, overflowing, latent, half_mask):
    inverted = stages.invert(latent)
    with pytest.raises(ValueError) as error:
        stages.sample(inverted, mask=half_mask, model=overflowing.half)
    assert_one_sentence(error, "model")
