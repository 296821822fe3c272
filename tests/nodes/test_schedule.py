"""A strength is the same fraction of noise on every model."""

import pytest
import torch

from tests.families.zoo import FAMILIES


def noise_fraction(model_sampling, sigma: float) -> float:
    """The standard deviation of the noise in x, over that and the scale of the picture."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(10_000, generator=generator).double()
    nothing, picture = torch.zeros_like(noise), torch.ones_like(noise)
    at = torch.tensor(sigma).double()
    deviation = model_sampling.noise_scaling(at, noise.clone(), nothing.clone()).std()
    scale = model_sampling.noise_scaling(at, nothing.clone(), picture.clone()).mean()
    return float(deviation / (deviation + scale))


@pytest.mark.parametrize("family", ["SD15", "SD20, v-prediction", "SD3", "Flux", "WAN21_T2V"])
@pytest.mark.parametrize(("strength", "fraction"), [(0.3, 0.454), (0.5, 0.618), (0.7, 0.769)])
def test_a_strength_is_a_fraction_of_noise(nodes, family, strength, fraction):
    model = FAMILIES[family].model()
    (sigma,) = nodes.adapter.schedule.mask_sigmas(model, strength, 0.0)
    found = noise_fraction(model.get_model_object("model_sampling"), sigma)
    assert found == pytest.approx(fraction, abs=0.01)


@pytest.mark.parametrize("strength", [0.01, 0.3, 0.5, 0.7, 1.0])
def test_on_stable_diffusion_it_is_the_fraction_of_timesteps(nodes, demo, strength):
    """As in the paper: 0.5 is timestep 500."""
    model_sampling = demo.model.get_model_object("model_sampling")
    (sigma,) = nodes.adapter.schedule.mask_sigmas(demo.model, strength, 0.0)
    timestep = float(model_sampling.timestep(torch.tensor(sigma)))
    assert timestep == pytest.approx(min(1000 * strength, 999), abs=1)


@pytest.mark.parametrize("strength", [1e-6, 1.0])
def test_beyond_what_a_model_has_it_is_the_nearest(nodes, strength):
    from comfy.model_sampling import CONST, ModelSamplingDiscreteFlow

    class Narrow(ModelSamplingDiscreteFlow, CONST):
        sigma_min, sigma_max = torch.tensor(0.3), torch.tensor(0.5)

    model = FAMILIES["SD3"].model()
    model.add_object_patch("model_sampling", Narrow())
    (sigma,) = nodes.adapter.schedule.mask_sigmas(model, strength, 0.0)
    assert sigma == pytest.approx(0.3 if strength < 0.5 else 0.5)
