import math
import weakref
from dataclasses import dataclass, field

import pytest
import torch

from diffedit_core.inversion import encoding_sigmas, invert, invert_step
from diffedit_core.sampling import masked_decode
from diffedit_core.solvers import ddim_step
from tests.core.gaussian_mixture import FlowNoised, GaussianMixture
from tests.counting import CountingDenoiser

SIGMAS = [0.0, 0.05, 0.2, 0.4, 0.7, 1.1, 1.7, 2.5, 4.0]


@pytest.fixture
def denoiser() -> GaussianMixture:
    return GaussianMixture({"positive": [-1.0, 1.0]})


@pytest.fixture
def latent() -> torch.Tensor:
    noise = torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(0))
    return (1 + 0.5 * noise).double()


def round_trip_error(denoiser, latent, iterations: int) -> float:
    trajectory = invert(denoiser, latent, SIGMAS, iterations).trajectory
    mask = torch.ones(1, 1, 1, 1)
    decoded = masked_decode(denoiser, trajectory, SIGMAS, mask)
    return float((decoded - latent).abs().max())


def test_more_iterations_approach_the_exact_inverse(denoiser, latent):
    errors = [round_trip_error(denoiser, latent, iterations) for iterations in (1, 2, 4, 8, 60)]
    assert all(better < worse / 1.5 for worse, better in zip(errors, errors[1:], strict=False))
    assert errors[-1] < 1e-6


class Flow(FlowNoised):
    """The flow model of the same kind of data."""

    def denoise(self, x, sigma, conds):
        return super().denoise(x / (1 - sigma), sigma / (1 - sigma), conds)

    def input_scale(self, sigma):
        return 1.0


@pytest.mark.parametrize("model", [GaussianMixture, Flow])
@pytest.mark.parametrize(("extrapolate", "order"), [(False, 1), (True, 2)])
def test_order_of_the_round_trip(latent, model, extrapolate, order):
    """Half as long steps lose half, or from the last direction a quarter; one evaluation each."""
    denoiser = model({"positive": [-1.0, 1.0]})
    errors = []
    for steps in (100, 200):
        sigmas = [0.85 * (step / steps) ** 1.5 for step in range(steps + 1)]
        trajectory = invert(denoiser, latent, sigmas, extrapolate=extrapolate).trajectory
        decoded = masked_decode(denoiser, trajectory, sigmas, torch.ones(1, 1, 1, 1))
        errors.append((decoded - latent).norm())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_from_the_last_direction_a_straight_trajectory_is_exact():
    """With steps of any length: from the second on, nothing is left to correct."""

    class Straight(GaussianMixture):
        def denoise(self, x, sigma, conds):
            return [x - sigma * slope for _ in conds]

    slope = torch.tensor([[[1.0, -2.0]]]).double()
    found = invert(Straight({}), torch.zeros_like(slope), SIGMAS)
    expected = torch.tensor(SIGMAS).double()[:, None, None, None] * slope
    torch.testing.assert_close(found.trajectory, expected)
    assert found.residuals[1:].max() < 1e-12


def test_inversion_of_one_gaussian_is_known():
    """For data N(0, 1) the ODE's solution is x0 * sqrt(1 + sigma^2), which one iteration meets in
    the limit of small steps."""
    denoiser = GaussianMixture({"positive": [0.0]}, std=1.0)
    latent = torch.tensor([[[[0.3, -1.2]]]])
    sigmas = torch.linspace(0, 3, 301).tolist()
    top = invert(denoiser, latent, sigmas, iterations=1).trajectory[-1]
    torch.testing.assert_close(top, latent * 10**0.5, rtol=1e-2, atol=0)


def test_the_trajectory_starts_at_the_source_and_has_every_level(denoiser, latent):
    steps = []
    trajectory = invert(
        denoiser, latent, SIGMAS, callback=lambda step, denoised, x: steps.append(step)
    ).trajectory
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
    together = invert(denoiser, latent, SIGMAS).trajectory
    torch.testing.assert_close(together[:, 1:], invert(denoiser, latent[1:], SIGMAS).trajectory)


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0.0, [0.0]),
        (0.1, [0.0]),
        (0.5, [0.0, 1.0, 2.0]),
        (0.7, [0.0, 1.0, 2.0, 3.0]),
        (1.0, [0.0, 1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_strength_is_the_fraction_of_steps(strength, expected):
    assert encoding_sigmas([4.0, 3.0, 2.0, 1.0, 0.0], strength) == expected


@dataclass
class Linear(GaussianMixture):
    """A denoiser whose prediction is `x` times a factor: iterating multiplies the distance to the
    solution by a known one. `calls` are the batches that it was asked about.
    """

    factor: float = 0.0
    calls: list[torch.Tensor] = field(default_factory=list)

    def denoise(self, x, sigma, conds):
        self.calls.append(x)
        return [self.factor * x for _ in conds]


def linear(factor) -> Linear:
    return Linear({}, factor=factor)


def test_the_residual_is_the_error_of_decoding_the_iterate_before(denoiser, latent):
    """Two iterations' last change is what a single one would have been wrong by."""
    first, second = (invert_step(denoiser, latent, 0.4, 0.7, count) for count in (1, 2))
    (denoised,) = denoiser.denoise(first.x, 0.7, ["positive"])
    error = (ddim_step(first.x, denoised, 0.7, 0.4) - latent).flatten(1).norm(dim=1)
    torch.testing.assert_close(second.residual, error / first.x.flatten(1).norm(dim=1))


def test_a_step_that_converges_is_its_known_solution():
    x_from = torch.full((1, 2, 2), 3.0).double()
    step = invert_step(linear(0.5), x_from, 1.0, 2.0, 80)
    # x = 3 + (2 - 1) * (x - x / 2) / 2
    torch.testing.assert_close(step.x, torch.full_like(x_from, 4.0))
    assert step.converged.all() and step.residual < 1e-12


def test_a_diverging_step_keeps_plain_ddim_inversion_and_says_so():
    x_from = torch.ones(1, 2, 2)
    plain = invert_step(linear(-5.0), x_from, 1.0, 2.0, 1)
    step = invert_step(linear(-5.0), x_from, 1.0, 2.0, 300)  # overflows on the way
    assert torch.equal(step.x, plain.x)
    assert not step.converged.any() and step.residual.isfinite().all()


def test_one_image_of_a_batch_diverges():
    factor = torch.tensor([0.5, -5.0]).reshape(2, 1, 1)
    step = invert_step(linear(factor), torch.ones(2, 3, 3), 1.0, 2.0, 30)
    alone = invert_step(linear(0.5), torch.ones(1, 3, 3), 1.0, 2.0, 30)
    assert step.converged.tolist() == [True, False]
    assert torch.equal(step.x[:1], alone.x)


def test_growth_within_rounding_is_no_divergence():
    """A network in half precision: the iterates stop at its rounding and jump about there."""

    class Half(Linear):
        def denoise(self, x, sigma, conds):
            self.calls.append(x)
            return [(0.5 * x + 1e-4 * (-1) ** len(self.calls)) for _ in conds]

    step = invert_step(Half({}), torch.ones(1, 4, 4), 1.0, 2.0, 30)
    assert step.converged.all()


@pytest.mark.parametrize(("tolerance", "calls"), [(0.0, 12), (1.0, 1), (2e-2, 4)])
def test_tolerance_stops_a_step_early(tolerance, calls):
    """From 0.5**0.5 * 5**0.5 towards 2, each iteration halves the distance."""
    denoiser = linear(0.0)
    step = invert_step(denoiser, torch.ones(1, 2, 2), 1.0, 2.0, 12, tolerance)
    assert step.calls == len(denoiser.calls) == calls


def test_an_image_stops_by_its_own_residual():
    """Whatever else is in its batch."""
    factor = torch.tensor([0.8, -0.4]).reshape(2, 1, 1)
    together = invert_step(linear(factor), torch.ones(2, 3, 3), 1.0, 2.0, 30, 1e-3)
    for image in range(2):
        x_from = torch.ones(1, 3, 3)
        alone = invert_step(linear(factor[image]), x_from, 1.0, 2.0, 30, 1e-3)
        assert torch.equal(together.x[image], alone.x[0])
        assert alone.residual[0] == together.residual[image] <= 1e-3
    assert together.calls == alone.calls


def test_a_model_that_answers_nan_is_named(latent):
    with pytest.raises(ValueError, match="^model: .*NaN"):
        invert(linear(torch.nan), latent, SIGMAS)


def test_no_level_stays_on_the_device(latent):
    """Of the latents that the model was shown, none outlives its step."""
    shown = []

    class Watching(GaussianMixture):
        def denoise(self, x, sigma, conds):
            shown.append(weakref.ref(x))
            assert sum(ref() is not None for ref in shown) <= 2
            return super().denoise(x, sigma, conds)

    inversion = invert(Watching({"positive": [-1.0, 1.0]}), latent, SIGMAS, 3)
    assert inversion.trajectory.device.type == "cpu"
    assert len(shown) == sum(inversion.calls) == 3 * (len(SIGMAS) - 1)
    assert all(ref() is None for ref in shown)
