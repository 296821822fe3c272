import pytest
import torch

from diffedit_core.counting import CountingDenoiser
from diffedit_core.inversion import encoding_levels, invert
from diffedit_core.sampling import masked_decode
from tests.core.gaussian_mixture import GaussianMixture

SIGMAS = [0.0, 0.05, 0.2, 0.4, 0.7, 1.1, 1.7, 2.5, 4.0]


@pytest.fixture
def denoiser() -> GaussianMixture:
    return GaussianMixture({"positive": [-1.0, 1.0]})


@pytest.fixture
def latent() -> torch.Tensor:
    noise = torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))
    return (1 + 0.5 * noise).double()


def round_trip_error(denoiser, latent, iterations: int) -> float:
    trajectory = invert(denoiser, latent, SIGMAS, iterations)
    mask = torch.ones(1, 1, 1, 1)
    decoded = masked_decode(denoiser, trajectory, SIGMAS, mask)
    return float((decoded - latent).abs().max())


def test_more_iterations_approach_the_exact_inverse(denoiser, latent):
    errors = [round_trip_error(denoiser, latent, iterations) for iterations in (1, 2, 4, 8, 60)]
    assert all(better < worse / 1.5 for worse, better in zip(errors, errors[1:], strict=False))
    assert errors[-1] < 1e-6


def test_inversion_of_one_gaussian_is_known():
    """For data N(0, 1) the ODE's answer is x0 * sqrt(1 + sigma^2), which one iteration meets in
    the limit of small steps."""
    denoiser = GaussianMixture({"positive": [0.0]}, std=1.0)
    latent = torch.tensor([[[[0.3, -1.2]]]])
    sigmas = torch.linspace(0, 3, 301).tolist()
    top = invert(denoiser, latent, sigmas, iterations=1)[-1]
    torch.testing.assert_close(top, latent * 10**0.5, rtol=1e-2, atol=0)


def test_the_trajectory_starts_at_the_source_and_has_every_level(denoiser, latent):
    steps = []
    trajectory = invert(denoiser, latent, SIGMAS, 2, lambda step, denoised, x: steps.append(step))
    assert trajectory.shape == (len(SIGMAS), *latent.shape)
    assert torch.equal(trajectory[0], latent)
    assert steps == list(range(len(SIGMAS) - 1))
    assert trajectory.isfinite().all()


@pytest.mark.parametrize("iterations", [1, 3])
def test_cost(denoiser, latent, iterations):
    counting = CountingDenoiser(denoiser)
    invert(counting, latent, SIGMAS, iterations)
    assert counting.evaluations == iterations * (len(SIGMAS) - 1) * len(latent)


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 16, 2, 4, 4), (5, 1)])
def test_any_channels_and_dimensions(denoiser, shape):
    assert round_trip_error(denoiser, torch.full(shape, 0.8).double(), 60) < 1e-6


def test_an_image_does_not_depend_on_its_batch(denoiser, latent):
    together = invert(denoiser, latent, SIGMAS)
    torch.testing.assert_close(together[:, 1:], invert(denoiser, latent[1:], SIGMAS))


@pytest.mark.parametrize(
    ("strength", "levels"),
    [
        (0.0, [0.0]),
        (0.1, [0.0]),
        (0.5, [0.0, 1.0, 2.0]),
        (0.7, [0.0, 1.0, 2.0, 3.0]),
        (1.0, [0.0, 1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_strength_is_the_share_of_steps(strength, levels):
    assert encoding_levels([4.0, 3.0, 2.0, 1.0, 0.0], strength) == levels
