import math
from itertools import pairwise

import pytest
import torch

from diffedit_core.noise import noise_like, noised_trajectory, renew_noise
from diffedit_core.solvers import ddim, stochastic_ddim
from tests.core.gaussian_mixture import FlowNoised, GaussianMixture


@pytest.fixture
def denoiser() -> GaussianMixture:
    return GaussianMixture({"positive": [-1.0, 1.0]})


@pytest.fixture
def noise() -> torch.Tensor:
    return torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).double()


def decoded(denoiser, x, sigmas, solver) -> torch.Tensor:
    state = None
    for sigma_from, sigma_to in pairwise(sigmas):
        (denoised,) = denoiser.denoise(x, sigma_from, ["positive"])
        x, state = solver(x, denoised, sigma_from, sigma_to, state)
    return x


def schedule(steps: int) -> list[float]:
    """From 10 to 0.1, evenly in the logarithm."""
    return [10 ** (1 - 2 * step / steps) for step in range(steps + 1)]


def test_order_of_convergence(denoiser, noise):
    """Half as long steps are wrong by half."""
    exact = decoded(denoiser, 10 * noise, schedule(8000), ddim)
    errors = [
        (decoded(denoiser, 10 * noise, schedule(steps), ddim) - exact).norm()
        for steps in (100, 200)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_stochastic_ddim_is_the_papers(denoiser, noise, eta):
    """Song et al., 2010.02502, equations 12 and 16, in the paper's own space and letters."""
    sigma_from, sigma_to, seed = 3.0, 1.2, 5
    x = sigma_from * noise
    (denoised,) = denoiser.denoise(x, sigma_from, ["positive"])
    alpha, alpha_prev = 1 / (1 + sigma_from**2), 1 / (1 + sigma_to**2)
    sigma = eta * math.sqrt((1 - alpha_prev) / (1 - alpha)) * math.sqrt(1 - alpha / alpha_prev)
    epsilon = (alpha**0.5 * x - alpha**0.5 * denoised) / (1 - alpha) ** 0.5
    direction = (1 - alpha_prev - sigma**2) ** 0.5 * epsilon
    expected = alpha_prev**0.5 * denoised + direction + sigma * noise_like(x, seed)
    ours, _ = stochastic_ddim(denoiser, eta, seed)(x, denoised, sigma_from, sigma_to, None)
    torch.testing.assert_close(ours, expected / alpha_prev**0.5)


def test_stochastic_ddim_draws_anew_in_every_step_and_for_every_image(denoiser):
    x = torch.ones(2, 1, 3, 3).double()
    solver = stochastic_ddim(denoiser, 1.0, seed=0)
    first, state = solver(x, torch.zeros_like(x), 2.0, 1.0, None)
    second, _ = solver(x, torch.zeros_like(x), 2.0, 1.0, state)
    assert len(torch.unique(torch.cat([first, second]).flatten(1), dim=0)) == 4
    of_second = stochastic_ddim(denoiser, 1.0, seed=0, indices=[1])
    alone, _ = of_second(x[:1], torch.zeros(1, 1, 3, 3), 2.0, 1.0, None)
    assert torch.equal(alone, first[1:])


def test_a_flow_model_renews_as_much_noise_as_an_eps_model(denoiser, noise):
    """The same picture in both spaces: a flow's x is (1 - sigma) times that of an eps-model."""
    x, denoised, fresh = noise, 0.3 * noise.flip(-1), noise.flip(-2)
    flow_from, flow_to = 0.75, 0.4
    eps_from, eps_to = (sigma / (1 - sigma) for sigma in (flow_from, flow_to))
    eps = renew_noise(denoiser, x, denoised, eps_from, eps_to, 0.7, fresh)
    arguments = ((1 - flow_to) * x, denoised, flow_from, flow_to, 0.7, fresh)
    torch.testing.assert_close(renew_noise(FlowNoised({}), *arguments), (1 - flow_to) * eps)


def test_a_flow_model_starts_from_pure_noise(noise):
    renewed = renew_noise(
        FlowNoised({}), 0.5 * noise, torch.zeros_like(noise), 1.0, 0.5, 1.0, noise + 1
    )
    torch.testing.assert_close(renewed, 0.5 * (noise + 1))


@pytest.mark.parametrize("model", [GaussianMixture, FlowNoised])
def test_a_noised_trajectory_is_the_image_under_one_noise(model, noise):
    latent = torch.full((1, 4, 8, 8), -0.7).double()
    sigmas = [0.0, 0.2, 0.5, 1.0]
    trajectory = noised_trajectory(model({}), latent, sigmas, noise)
    assert torch.equal(trajectory[0], latent)
    for sigma, x in zip(sigmas[1:], trajectory[1:], strict=True):
        signal = 1 - sigma if model is FlowNoised else 1
        torch.testing.assert_close((x - signal * latent) / sigma, noise)
