import pytest
import torch

from diffedit_core.flow_edit import masked_flow_edit
from diffedit_core.guidance import GuidedDenoiser
from tests.core.gaussian_mixture import FlowNoised, GaussianMixture
from tests.counting import CountingDenoiser

SIGMAS = [0.0, 0.1, 0.4, 0.9, 2.0, 5.0]
FULL = torch.ones(1, 1, 1, 1)


@pytest.fixture
def latent() -> torch.Tensor:
    return torch.randn(2, 4, 6, 8, generator=torch.Generator().manual_seed(0)).double()


def test_between_two_gaussians_the_change_is_known(latent):
    """From N(-1, s²) to N(1, s²) the change d obeys `dd/dsigma = sigma (d - 2) / (s² + sigma²)`,
    whatever the noise.
    """
    std, top = 0.5, 5.0
    denoiser = GaussianMixture({"source": [-1.0], "positive": [1.0]}, std)
    sigmas = torch.linspace(0, top, 2001).tolist()
    edited = masked_flow_edit(denoiser, latent, sigmas, FULL, seed=0)
    expected = 2 * (1 - std / (std**2 + top**2) ** 0.5)
    torch.testing.assert_close(edited, latent + expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("model", [GaussianMixture, FlowNoised])
def test_a_model_that_knows_one_picture_a_prompt_returns_it(model, latent):
    before, after = latent, latent.flip(-1)
    denoiser = model({"source": [before], "positive": [after]}, std=0.0)
    sigmas = [0.0, 0.2, 0.6, 1.0]
    torch.testing.assert_close(masked_flow_edit(denoiser, before, sigmas, FULL, seed=0), after)


@pytest.mark.parametrize("model", [GaussianMixture, FlowNoised])
def test_equal_prompts_change_nothing(model, latent):
    denoiser = model({"source": [-1.0, 1.0], "positive": [-1.0, 1.0]})
    assert torch.equal(masked_flow_edit(denoiser, latent, [0.0, 0.4, 1.0], FULL, 0), latent)


def test_outside_the_mask_is_the_source_and_inside_the_full_edit(latent):
    """The analytic denoiser treats each element by itself."""
    denoiser = GaussianMixture({"source": [-1.0, 0.3], "positive": [2.0]})
    mask = torch.zeros(2, 1, 6, 8)
    mask[0, :, 1:4, 2:5] = 1
    mask[1, :, :, 6:] = 1
    edit, full = (masked_flow_edit(denoiser, latent, SIGMAS, one, seed=3) for one in (mask, FULL))
    inside = mask.expand_as(latent) == 1
    assert torch.equal(edit[~inside], latent[~inside])
    assert torch.equal(edit[inside], full[inside])
    assert (full - latent).abs().mean() > 1


def test_the_seed_chooses_the_edit_and_an_image_keeps_its_own(latent):
    denoiser = GaussianMixture({"source": [-1.0, 1.0], "positive": [-1.5, 2.0]})

    def edited(latent, seed, indices=None):
        return masked_flow_edit(denoiser, latent, SIGMAS, FULL, seed, indices)

    assert torch.equal(edited(latent, 1), edited(latent, 1))
    assert not torch.equal(edited(latent, 1), edited(latent, 2))
    assert torch.equal(edited(latent[1:], 1, [1]), edited(latent, 1)[1:])


@pytest.mark.parametrize(("cfg", "evaluations"), [(7.5, 3), (1.0, 2)])
def test_cost(latent, cfg, evaluations):
    counting = CountingDenoiser(
        GaussianMixture({"source": [0.0], "positive": [2.0], "negative": [1.0]})
    )

    class Guided(GuidedDenoiser):
        """As the pack's own: only "positive" is guided."""

        def denoise(self, x, sigma, conds):
            guided = conds == ("positive",)
            return (super() if guided else self.denoiser).denoise(x, sigma, conds)

    masked_flow_edit(Guided(counting, cfg), latent, SIGMAS, FULL, seed=0)
    assert counting.evaluations == evaluations * (len(SIGMAS) - 1) * len(latent)


def test_steps_are_told_of_from_0(latent):
    steps = []
    denoiser = GaussianMixture({"source": [0.0], "positive": [2.0]})
    masked_flow_edit(denoiser, latent, SIGMAS, FULL, 0, callback=lambda *step: steps.append(step))
    assert [step for step, _, _ in steps] == [0, 1, 2, 3, 4]
    assert all(x.shape == denoised.shape == latent.shape for _, denoised, x in steps)


def test_a_model_that_answers_nan_is_named(latent):
    denoiser = GaussianMixture({"source": [0.0], "positive": [torch.nan]})
    with pytest.raises(ValueError, match="^model: .*NaN"):
        masked_flow_edit(denoiser, latent, SIGMAS, FULL, 0)
