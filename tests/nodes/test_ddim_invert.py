"""DDIM Invert's options, on the demo model."""

import gc
import math

import pytest
import torch

from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults


@pytest.fixture
def report(nodes, demo):
    """What the node says in numbers, for its inputs."""

    def run(latent, **inputs):
        fixed = {**defaults(nodes.DDIMInvert), "model": demo.model, "steps": 5}
        return nodes.DDIMInvert.execute(**{**fixed, "latent": latent, **inputs}).ui

    return run


def sigmas_of(inverted: dict) -> list[float]:
    return inverted["diffedit_trajectory"].sigmas


@pytest.mark.parametrize("steps", [2, 7, 999, 1000])
def test_every_scheduler_gives_rising_sigmas_from_0(nodes, demo, steps):
    from comfy.samplers import SCHEDULER_NAMES

    for scheduler in SCHEDULER_NAMES:
        found = nodes.adapter.schedule.inversion_sigmas(demo.model, steps, 1.0, scheduler, None)
        assert found[0] == 0 and math.isfinite(found[-1])
        assert all(low < high for low, high in zip(found, found[1:], strict=False)), scheduler


def test_a_scheduler_that_cannot_do_so_few_steps(stages, latent):
    with pytest.raises(ValueError, match=r"^steps: [^\n]*kl_optimal[^\n]*\.$"):
        stages.invert(latent, steps=1, strength=1.0, scheduler="kl_optimal")


def test_the_scheduler_chooses_the_sigmas(stages, demo, latent):
    from comfy.samplers import calculate_sigmas

    model_sampling = demo.model.get_model_object("model_sampling")
    expected = calculate_sigmas(model_sampling, "karras", 5).tolist()
    inverted = stages.invert(latent, scheduler="karras", strength=1.0)
    assert sigmas_of(inverted) == expected[::-1]


def test_sigmas_take_the_place_of_steps_and_scheduler(stages, latent, half_mask):
    inverted = stages.invert(latent, sigmas=torch.tensor([9.0, 4.0, 2.0, 1.0, 0.5, 0.0]))
    assert sigmas_of(inverted) == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert stages.sample(inverted, mask=half_mask)["samples"].isfinite().all()


@pytest.mark.parametrize(
    ("sigmas", "rising"),
    [
        ([4.0, 2.0, 0.03125], [0.0, 0.03125, 2.0, 4.0]),  # nearly clean: goes on to 0
        ([4.0, 4.0, 2.0, 2.0, 0.0, 0.0], [0.0, 2.0, 4.0]),  # stock takes no step between equal ones
    ],
)
def test_sigmas_that_stock_samplers_take(stages, latent, sigmas, rising):
    inverted = stages.invert(latent, sigmas=torch.tensor(sigmas), strength=1.0)
    assert sigmas_of(inverted) == rising


@pytest.mark.parametrize(
    ("sigmas", "said"),
    [
        ([0.0, 1.0, 2.0], "must fall.* FlipSigmas"),
        ([1.0, -1.0], "must fall.* FlipSigmas"),
        ([2.0, math.nan, 0.0], "NaN or infinite"),
        ([math.inf, 1.0], "NaN or infinite"),
        ([], "there are none"),
        ([9.0, 4.0, 2.0], "end at noise level 2 instead of 0, .* low half of Split"),
    ],
)
def test_sigmas_that_make_no_schedule(stages, latent, sigmas, said):
    with pytest.raises(ValueError, match=said) as error:
        stages.invert(latent, sigmas=torch.tensor(sigmas))
    assert_one_sentence(error, "sigmas")


def test_guidance_is_the_core_guidance_of_both_prompts(stages, prompts, latent):
    """At cfg 0 the negative alone is followed, as if it were the conditioning at cfg 1."""
    conds = {"conditioning": prompts.source, "negative": prompts.target}
    at_zero = stages.invert(latent, cfg=0.0, **conds)["samples"]
    alone = stages.invert(latent, conditioning=prompts.target)["samples"]
    torch.testing.assert_close(at_zero, alone, atol=1e-4, rtol=1e-4)
    at_two = stages.invert(latent, cfg=2.0, **conds)["samples"]
    assert (at_two - alone).abs().max() > 0.1


def test_guidance_without_a_negative(stages, prompts, latent):
    with pytest.raises(ValueError, match=r"^negative: [^\n]*\.$"):
        stages.invert(latent, cfg=7.5, conditioning=prompts.source)


def test_the_node_says_what_it_took(report, prompts, latent, count_forwards):
    sizes, _ = count_forwards()
    said = report(
        latent, iterations=3, cfg=2.0, conditioning=prompts.source, negative=prompts.empty
    )
    assert all(isinstance(value, list) for value in said.values())
    assert said["steps"] == [4] and said["evaluations"] == [sum(sizes)]
    assert 0 < said["residual"][0] < 0.2 and said["diverged"] == [0]


def test_tolerance_saves_evaluations(report, latent):
    whole, saved = (report(latent, iterations=10, tolerance=value) for value in (0.0, 1e-2))
    assert whole["evaluations"] == [10 * 4 * 2]
    assert saved["evaluations"][0] < whole["evaluations"][0]
    assert whole["residual"][0] < saved["residual"][0] <= 1e-2


@pytest.mark.parametrize("iterations", [1, 4, 12])
def test_divergence_is_stated_and_nothing_is_nan(stages, report, prompts, latent, iterations):
    inputs = {"conditioning": prompts.source, "negative": prompts.target, "iterations": iterations}
    inputs |= {"cfg": 100.0, "steps": 3, "strength": 1.0}
    assert stages.invert(latent, **inputs)["diffedit_trajectory"].latents.isfinite().all()
    said = report(latent, **inputs)
    assert (said["diverged"][0] > 0) == (iterations > 1)
    assert math.isfinite(said["residual"][0])


@pytest.mark.parametrize(
    ("diverged", "text"),
    [
        (0, "40 steps, 80 model evaluations, residual 0.0004"),
        (
            7,
            "40 steps, 80 model evaluations, residual 0.0004\n"
            "did not converge at 7 of 40 steps: lower cfg or take more steps",
        ),
    ],
)
def test_the_text_on_the_node(nodes, diverged, text):
    assert nodes.ddim_invert.summary(40, 80, 0.0004, diverged) == text


def test_more_iterations_bring_the_picture_back(stages, prompts, latent):
    """Inverted and decoded under one prompt with a full mask."""
    errors = []
    for iterations in (1, 4, 12):
        inverted = stages.invert(latent, conditioning=prompts.source, iterations=iterations)
        full = torch.ones(72, 104)
        returned = stages.sample(inverted, positive=prompts.source, mask=full, cfg=1.0)
        errors.append((returned["samples"] - latent["samples"]).norm())
    assert errors[0] > 2 * errors[1] > 8 * errors[2]


def test_interruption_leaves_no_trajectory_behind(stages, demo, latent):
    import comfy.model_management as management

    def large() -> set[int]:
        """The tensors of a trajectory's dimensions that are alive."""
        gc.collect()
        alive = (x for x in gc.get_objects() if issubclass(type(x), torch.Tensor))
        return {id(x) for x in alive if x.ndim == 5}

    before = large()
    forwards = []

    def interrupt_at_the_third(*_):
        forwards.append(None)
        management.interrupt_current_processing(len(forwards) == 3)

    hook = demo.model.model.diffusion_model.register_forward_hook(interrupt_at_the_third)
    try:
        with pytest.raises(management.InterruptProcessingException):
            stages.invert(latent, steps=50)
    finally:
        hook.remove()
        management.interrupt_current_processing(False)
    assert not large() - before
