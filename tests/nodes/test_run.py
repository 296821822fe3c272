"""What ComfyUI is told about a run, as patches, hooks and networks see it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tools.comfy_server import PACK

UNET = PACK / "demo" / "model" / "unet" / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def run(find_mask, stages, half_mask) -> dict[str, Callable[..., torch.Tensor]]:
    """Each stage as a function of the latent, and perhaps of the model and other inputs."""

    def mask(latent: dict, **inputs: Any) -> torch.Tensor:
        return find_mask(latent, draws=4, **inputs).result[1]

    def invert(latent: dict, **inputs: Any) -> torch.Tensor:
        return stages.invert(latent, **inputs)["samples"]

    def sample(latent: dict, **inputs: Any) -> torch.Tensor:
        return stages.sample(stages.invert(latent), mask=half_mask, **inputs)["samples"]

    return {"mask": mask, "invert": invert, "sample": sample}


STAGES = ["mask", "invert", "sample"]


def watched(model: Any, look: Callable[[dict[str, Any]], None]) -> Any:
    """A model that shows each call of its network to `look`."""

    def wrapper(apply_model: Callable[..., torch.Tensor], call: dict[str, Any]) -> torch.Tensor:
        look(call)
        return apply_model(call["input"], call["timestep"], **call["c"])

    patched = model.clone()
    patched.set_model_unet_function_wrapper(wrapper)
    return patched


@pytest.mark.parametrize("stage", STAGES)
def test_sigmas_fall_and_the_present_one_is_among_them(run, demo, latent, stage):
    seen = []

    def look(call: dict[str, Any]) -> None:
        options = call["c"]["transformer_options"]
        sigmas = options["sample_sigmas"]
        assert (sigmas[1:] < sigmas[:-1]).all() and sigmas[-1] == 0
        assert (sigmas == options["sigmas"][0]).any()
        seen.append(float(options["sigmas"][0]))

    run[stage](latent, model=watched(demo.model, look))
    assert len(set(seen)) > 1


@pytest.mark.parametrize("stage", STAGES)
def test_the_latent_image_is_the_clean_source(run, demo, latent, monkeypatch, stage):
    seen = []
    before = demo.model.model.extra_conds
    stages = run[stage]

    def extra_conds(**given: Any) -> dict[str, Any]:
        seen.append(given["latent_image"])
        return before(**given)

    monkeypatch.setattr(demo.model.model, "extra_conds", extra_conds)
    stages(latent)
    source = demo.model.model.process_latent_in(latent["samples"])
    assert seen and all(torch.allclose(one, source) for one in seen)


def test_compared_prompts_are_conditional_and_their_negatives_are_not(
    find_mask, demo, prompts, latent
):
    roles = []
    model = watched(demo.model, lambda call: roles.append(call["cond_or_uncond"]))
    find_mask(latent, model=model)
    assert all(set(one) == {0} for one in roles)
    roles.clear()
    negatives = {"source_negative": prompts.empty, "target_negative": prompts.source}
    find_mask(latent, model=model, **negatives)
    assert all(sorted(one) == [0, 0, 1, 1] for one in roles)


def test_a_patch_of_the_conditional_side_alone_makes_no_difference(
    find_mask, demo, prompts, latent
):
    """As IP-Adapter's, which adds what belongs to a picture where `cond_or_uncond` is 0."""

    def attention(q, k, v, options: dict[str, Any]):
        roles = options["cond_or_uncond"]
        sides = v.chunk(len(roles))
        return (
            q,
            k,
            torch.cat([side + (role == 0) for side, role in zip(sides, roles, strict=True)]),
        )

    model = demo.model.clone()
    model.set_model_attn2_patch(attention)
    same = find_mask(latent, model=model, target=prompts.source).result[1]
    assert not same.any()


@pytest.mark.parametrize("stage", STAGES)
def test_wrappers_of_a_prediction_get_as_many_as_they_give(run, demo, latent, stage):
    from comfy.patcher_extension import WrappersMP

    sizes = []

    def wrapper(executor, x, *rest, **options):
        predicted = executor(x, *rest, **options)
        sizes.append((x.shape, predicted.shape))
        return predicted

    model = demo.model.clone()
    model.add_wrapper(WrappersMP.PREDICT_NOISE, wrapper)
    run[stage](latent, model=model)
    assert sizes and all(given == predicted for given, predicted in sizes)


@pytest.mark.parametrize("stage", STAGES)
def test_patches_that_draw_random_numbers_draw_the_same_again(run, demo, latent, stage):
    def jitter(apply_model: Callable[..., torch.Tensor], call: dict[str, Any]) -> torch.Tensor:
        predicted = apply_model(call["input"], call["timestep"], **call["c"])
        return predicted + 0.3 * torch.randn_like(predicted)

    model = demo.model.clone()
    model.set_model_unet_function_wrapper(jitter)
    first = run[stage](latent, model=model)
    torch.rand(7)  # somebody else draws in between
    assert torch.equal(run[stage](latent, model=model), first)


def test_a_guidance_patch_leaves_the_inversion_alone(stages, demo, prompts, latent):
    from comfy_extras.nodes_sag import SelfAttentionGuidance

    (model,) = SelfAttentionGuidance.execute(demo.model, 0.5, 2.0).result
    plain, patched = (
        stages.invert(latent, model=one, conditioning=prompts.source)["samples"]
        for one in (demo.model, model)
    )
    torch.testing.assert_close(patched, plain)


def test_reference_latents_take_memory(nodes, demo, latent, monkeypatch):
    from comfy.conds import CONDRegular

    monkeypatch.setattr(demo.model.model, "memory_usage_factor_conds", ("reference",))
    seen = {}
    prompt = demo.encode("a bowl")
    context, options = prompt[0]
    reference = {"model_conds": {"reference": CONDRegular(torch.zeros(1, 4, 9, 13))}}
    for name, more in (("without", {}), ("with", reference)):
        cond = [[context, {**options, **more}]]
        seen[name] = nodes.adapter.denoiser.run_stage(
            demo.model,
            {"a": cond, "b": cond},
            latent["samples"],
            sigmas=[1.0],
            steps=1,
            stage=lambda denoiser, x0, callback: denoiser.fits_in_memory(x0, [*"ab"]),
        )
    assert seen["with"] == pytest.approx(seen["without"] / 2, abs=2)


def test_one_draw_a_call_with_context_windows(nodes, demo, latent):
    class Handler:
        def should_use_context(self, *_: Any) -> bool:
            return False

    model = demo.model.clone()
    model.model_options["context_handler"] = Handler()
    cond = demo.encode("a bowl")
    found = nodes.adapter.denoiser.run_stage(
        model,
        {"target": cond},
        latent["samples"],
        sigmas=[1.0],
        steps=1,
        stage=lambda denoiser, x0, callback: denoiser.fits_in_memory(x0, ["target"]),
    )
    assert found == 1


@pytest.fixture
def hooked(demo, prompts) -> Iterator[tuple[list, Any]]:
    """A prompt with a LoRA that acts from 40 % on, and the hook itself."""
    import comfy.hooks

    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_v"
    outputs, inputs = load_file(UNET)[f"{layer}.weight"].shape
    generator = torch.Generator().manual_seed(0)
    name = f"lora_unet_{layer.replace('.', '_')}"
    lora = {
        f"{name}.lora_down.weight": 0.3 * torch.randn(1, inputs, generator=generator),
        f"{name}.lora_up.weight": 0.3 * torch.randn(outputs, 1, generator=generator),
    }
    group = comfy.hooks.create_hook_lora(lora, strength_model=1.0, strength_clip=0.0)
    keyframes = comfy.hooks.HookKeyframeGroup()
    keyframes.add(comfy.hooks.HookKeyframe(strength=0.0, start_percent=0.0))
    keyframes.add(comfy.hooks.HookKeyframe(strength=1.0, start_percent=0.4))
    group.set_keyframes_on_hooks(keyframes)
    context, options = prompts.source[0]
    yield [[context, {**options, "hooks": group}]], group.hooks[0]


def test_hooks_have_the_same_strength_on_both_ways(stages, demo, latent, hooked):
    prompt, hook = hooked
    strengths: dict[float, set[float]] = defaultdict(set)

    def look(call: dict[str, Any]) -> None:
        sigma = float(call["c"]["transformer_options"]["sigmas"][0])
        strengths[round(sigma, 4)].add(hook.strength)

    model = watched(demo.model, look)
    settings = {"steps": 10, "iterations": 8, "tolerance": 1e-5}
    inverted = stages.invert(latent, model=model, conditioning=prompt, **settings)
    everywhere = torch.ones(1, 72, 104)
    returned = stages.sample(
        inverted, model=model, positive=prompt, negative=prompt, mask=everywhere, cfg=1.0
    )
    assert all(len(found) == 1 for found in strengths.values()), strengths
    by_sigma = [strengths[sigma] for sigma in sorted(strengths, reverse=True)]
    assert by_sigma[0] == {0.0} and by_sigma[-1] == {1.0}
    error = (returned["samples"] - latent["samples"]).norm() / latent["samples"].norm()
    assert error < 1e-3


def test_the_mask_sees_the_keyframe_of_its_noise_level(find_mask, demo, prompts, latent, hooked):
    prompt, hook = hooked
    seen = set()

    def look(call: dict[str, Any]) -> None:
        sigma = float(call["c"]["transformer_options"]["sigmas"][0])
        seen.add((sigma > 2, hook.strength))

    model = watched(demo.model, look)
    find_mask(latent, model=model, source=prompt, target=prompt, draws=4)
    assert seen == {(True, 0.0), (False, 1.0)}
