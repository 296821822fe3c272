"""A ControlNet, applied to a prompt as ComfyUI's node does, takes part in every stage."""

from types import SimpleNamespace

import pytest
import torch

from tools.in_process import defaults


@pytest.fixture
def control(demo) -> SimpleNamespace:
    """`network`, a random ControlNet of the demo model's shape, and `apply`, which adds it to a
    prompt."""
    import comfy.cldm.cldm
    import comfy.controlnet
    import comfy.ops

    config = dict(demo.model.model.model_config.unet_config, hint_channels=3, dtype=torch.float32)
    del config["out_channels"], config["transformer_depth_output"]
    network = comfy.cldm.cldm.ControlNet(**config, operations=comfy.ops.disable_weight_init)
    generator = torch.Generator().manual_seed(0)
    for weights in network.parameters():
        weights.requires_grad_(False)
        weights.copy_(0.05 * torch.randn(weights.shape, generator=generator))
    wrapped = comfy.controlnet.ControlNet(network, load_device=torch.device("cpu"))

    def apply(prompt: list) -> list:
        """As ControlNetApplyAdvanced does."""
        hint = torch.rand(1, 3, 72, 104, generator=torch.Generator().manual_seed(1))
        extra = {"control": wrapped.copy().set_cond_hint(hint), "control_apply_to_uncond": False}
        return [[context, {**options, **extra}] for context, options in prompt]

    return SimpleNamespace(network=network, apply=apply)


def run_stage(nodes, demo, prompts, latent, stage: str, prompt: list) -> torch.Tensor:
    """What a stage makes of the latent under the prompt, in two steps."""
    node = getattr(nodes, stage)
    given = {"model": demo.model, "latent": latent}
    if stage == "DiffEditMask":
        given |= {"source": prompts.source, "target": prompt, "draws": 2}
        return node.execute(**{**defaults(node), **given}).result[1]
    invert = {**defaults(nodes.DDIMInvert), **given, "steps": 2, "strength": 1.0, "iterations": 1}
    if stage == "DDIMInvert":
        return node.execute(**invert, conditioning=prompt).result[0]["samples"]
    given |= {"positive": prompt, "negative": prompts.empty, "mask": torch.ones(1, 72, 104)}
    given["latent"] = nodes.DDIMInvert.execute(**invert).result[0]
    return node.execute(**{**defaults(node), **given}).result[0]["samples"]


@pytest.mark.parametrize(
    ("stage", "calls"), [("DiffEditMask", 1), ("DDIMInvert", 2), ("MaskedDDIMSample", 2)]
)
def test_takes_part_in_every_call(nodes, demo, prompts, latent, control, stage, calls):
    seen = []
    hook = control.network.register_forward_pre_hook(lambda module, args: seen.append(args))
    plain = run_stage(nodes, demo, prompts, latent, stage, prompts.target)
    assert not seen
    controlled = run_stage(nodes, demo, prompts, latent, stage, control.apply(prompts.target))
    hook.remove()
    assert len(seen) == calls
    assert controlled.isfinite().all()
    assert (controlled - plain).abs().mean() > 1e-3
