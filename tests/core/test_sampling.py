import pytest
import torch

from diffedit_core.blending import blend, differential, linear
from diffedit_core.guidance import GuidedDenoiser
from diffedit_core.inversion import invert
from diffedit_core.sampling import decoding_indices, masked_decode
from diffedit_core.solvers import ddim, stochastic_ddim
from tests.core.gaussian_mixture import GaussianMixture
from tests.counting import CountingDenoiser

SIGMAS = [0.0, 0.1, 0.4, 0.9, 2.0, 5.0]
EMPTY, FULL = torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)


@pytest.fixture
def denoiser() -> GaussianMixture:
    """Turns any picture into one near 2."""
    return GaussianMixture({"positive": [2.0], "negative": [0.0]}, std=0.1)


@pytest.fixture
def latent() -> torch.Tensor:
    latent = torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(0))
    latent[0, 0, 0, 0] = -0.0
    return latent


@pytest.fixture
def trajectory(latent) -> torch.Tensor:
    return invert(GaussianMixture({"positive": [-1.0, 1.0]}), latent, SIGMAS).trajectory


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal(a.view(torch.int32), b.view(torch.int32))


def test_an_empty_mask_returns_the_source_bit_for_bit(denoiser, trajectory, latent):
    assert same_bits(masked_decode(denoiser, trajectory, SIGMAS, EMPTY), latent)


def test_outside_the_mask_is_the_source_and_inside_the_full_edit(denoiser, trajectory, latent):
    mask = torch.zeros(2, 1, 6, 8)
    mask[0, :, 1:4, 2:5] = 1
    mask[1, :, :, 6:] = 1
    edit = masked_decode(denoiser, trajectory, SIGMAS, mask)
    full = masked_decode(denoiser, trajectory, SIGMAS, FULL)
    inside = mask.expand_as(latent) == 1
    assert same_bits(edit[~inside], latent[~inside])
    assert torch.equal(edit[inside], full[inside])
    assert (full - latent).abs().mean() > 1


def test_a_full_mask_is_plain_ddim(denoiser, trajectory):
    """Against the step as the DDIM paper writes it (Song et al., 2010.02502, equation 12)."""
    x = trajectory[-1]
    for sigma, sigma_next in zip(SIGMAS[:0:-1], SIGMAS[-2::-1], strict=True):
        alpha, alpha_next = 1 / (1 + sigma**2), 1 / (1 + sigma_next**2)
        (denoised,) = denoiser.denoise(x, sigma, ["positive"])
        eps = (x * alpha**0.5 - alpha**0.5 * denoised) / (1 - alpha) ** 0.5
        y = alpha_next**0.5 * denoised + (1 - alpha_next) ** 0.5 * eps
        x = y / alpha_next**0.5
    decoded = masked_decode(denoiser, trajectory, SIGMAS, FULL)
    torch.testing.assert_close(decoded, x, atol=1e-5, rtol=1e-5)


def test_the_background_is_put_back_at_the_sigma_just_reached(denoiser, trajectory):
    seen = []
    masked_decode(denoiser, trajectory, SIGMAS, EMPTY, callback=lambda *step: seen.append(step))
    assert [step for step, _, _ in seen] == [0, 1, 2, 3, 4]
    assert all(torch.equal(x, trajectory[4 - step]) for step, _, x in seen)


def test_blend_is_linear_and_exact_at_both_ends():
    background = torch.tensor([-0.0, 1.0, 0.1, 5.0])
    edit = torch.tensor([1e30, 3.0, 0.7, torch.nan])
    mixed = blend(background, edit, torch.tensor([0.0, 0.25, 1.0, 0.0]))
    assert same_bits(mixed, torch.tensor([-0.0, 1.5, 0.7, 5.0]))


def test_a_soft_mask_mixes_edit_and_source(denoiser, latent):
    trajectory = torch.stack([latent, latent + 1.0])
    (edit,) = denoiser.denoise(latent + 1.0, 2.0, ["positive"])
    decoded = masked_decode(denoiser, trajectory, [0.0, 2.0], torch.full((1, 1, 1, 1), 0.25))
    torch.testing.assert_close(decoded, 0.25 * edit + 0.75 * latent)


def test_guidance_steers_away_from_the_negative(trajectory, denoiser):
    x = trajectory[-1]
    plain, negative = denoiser.denoise(x, 5.0, ["positive", "negative"])
    (guided,) = GuidedDenoiser(denoiser, 3.0).denoise(x, 5.0, ["positive"])
    torch.testing.assert_close(guided, negative + 3 * (plain - negative))


@pytest.mark.parametrize(("cfg", "evaluations"), [(7.5, 2), (1.0, 1)])
def test_cost(denoiser, trajectory, latent, cfg, evaluations):
    counting = CountingDenoiser(denoiser)
    masked_decode(GuidedDenoiser(counting, cfg), trajectory, SIGMAS, FULL)
    assert counting.evaluations == evaluations * (len(SIGMAS) - 1) * len(latent)


@pytest.mark.parametrize("mask_mode", [linear, differential])
@pytest.mark.parametrize("solver", [ddim, stochastic_ddim(GaussianMixture({}), eta=1.0, seed=0)])
def test_outside_the_mask_is_the_source_whatever_the_options(
    denoiser, trajectory, latent, solver, mask_mode
):
    mask = torch.rand(2, 1, 6, 8, generator=torch.Generator().manual_seed(1)) - 0.5
    mask = mask.clamp(min=0)
    edit = masked_decode(denoiser, trajectory, SIGMAS, mask, solver, mask_mode)
    outside = (mask == 0).expand_as(latent)
    assert same_bits(edit[outside], latent[outside])
    assert (edit != latent)[~outside].all()


@pytest.mark.parametrize("solver", [ddim, stochastic_ddim(GaussianMixture({}), eta=1.0, seed=0)])
def test_a_solver_remembers_nothing_of_the_run_before(denoiser, trajectory, solver):
    first = masked_decode(denoiser, trajectory, SIGMAS, FULL, solver)
    masked_decode(denoiser, trajectory[:4], SIGMAS[:4], FULL, solver)
    assert torch.equal(masked_decode(denoiser, trajectory, SIGMAS, FULL, solver), first)


@pytest.mark.parametrize("value", [0.2, 0.4, 0.8, 1.0])
def test_differential_is_a_later_start_where_the_mask_is_darker(denoiser, trajectory, value):
    """Half-way grey is edited as if the whole picture were, from half-way up."""
    start = round(value * 5) + 1
    mask = torch.full((1, 1, 1, 1), value)
    ours = masked_decode(denoiser, trajectory, SIGMAS, mask, mask_mode=differential)
    later = masked_decode(denoiser, trajectory[:start], SIGMAS[:start], FULL)
    assert torch.equal(ours, later)


def test_differential_and_linear_agree_on_black_and_white(denoiser, trajectory):
    mask = torch.zeros(1, 1, 6, 8)
    mask[..., 2:] = 1
    ours = masked_decode(denoiser, trajectory, SIGMAS, mask, mask_mode=differential)
    assert torch.equal(ours, masked_decode(denoiser, trajectory, SIGMAS, mask))


@pytest.mark.parametrize(
    ("start", "steps", "indices"),
    [
        (1.0, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        (0.5, 0, [0, 1, 2, 3, 4]),
        (1.0, 4, [0, 2, 4, 6, 8]),
        (1.0, 3, [0, 3, 5, 8]),
        (0.45, 100, [0, 1, 2, 3, 4]),
        (0.05, 0, [0]),
        (0.0, 3, [0]),
    ],
)
def test_start_and_steps_choose_indices(start, steps, indices):
    assert decoding_indices(8, start, steps) == indices


def test_indices_are_never_visited_twice():
    for top in range(1, 60):
        for steps in range(1, 70):
            indices = decoding_indices(top, 1.0, steps)
            assert indices == sorted(set(indices)) and indices[-1] == top
            assert len(indices) == 1 + min(steps, top)


def test_a_model_that_predicts_nan_is_named(trajectory):
    with pytest.raises(ValueError, match="^model: .*NaN"):
        masked_decode(GaussianMixture({"positive": [torch.nan]}), trajectory, SIGMAS, FULL)
