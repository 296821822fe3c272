"""ComfyUI's classes on the demo model's weights against diffusers' and transformers'."""

import json
import logging
import shutil

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from tools.comfy_server import PACK

FOLDER = PACK / "demo" / "model"
# Both run in float32; what remains is the order of additions.
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(FOLDER, dtype=torch.float32)


@pytest.mark.parametrize("prompt", ["", "a bowl of red apples", "Zebra, (round) cup; 3 balls" * 4])
def test_text_encoder_is_transformers(demo, pipe, prompt):
    words = prompt.replace("(", "").replace(")", "")  # ComfyUI reads brackets as emphasis
    options = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    ids = pipe.tokenizer(words, max_length=32, **options).input_ids
    expected = pipe.text_encoder(ids)[0]
    context = demo.encode(words)[0][0]
    torch.testing.assert_close(context[:, :32], expected, **CLOSE)


@pytest.mark.parametrize("size", [(16, 16), (9, 13)])
def test_unet_is_diffusers(demo, pipe, size):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, *size, generator=generator)
    context = torch.randn(2, 32, pipe.unet.config.cross_attention_dim, generator=generator)
    timesteps = torch.tensor([1, 700])
    network = demo.model.model.diffusion_model
    torch.testing.assert_close(
        network(x, timesteps, context=context),
        pipe.unet(x, timesteps, encoder_hidden_states=context).sample,
        **CLOSE,
    )


def test_vae_is_diffusers(demo, pipe):
    image = torch.rand(1, 64, 96, 3, generator=torch.Generator().manual_seed(0))
    latent = pipe.vae.encode(image.movedim(-1, 1) * 2 - 1).latents
    decoded = (pipe.vae.decode(latent).sample / 2 + 0.5).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(demo.vae.encode(image), latent, **CLOSE)
    torch.testing.assert_close(demo.vae.decode(latent), decoded, **CLOSE)


def test_noise_schedule_and_latent_scale_are_diffusers(demo, pipe):
    alphas = pipe.scheduler.alphas_cumprod
    sigmas = demo.model.get_model_object("model_sampling").sigmas
    torch.testing.assert_close(sigmas, ((1 - alphas) / alphas) ** 0.5)
    latent_format = demo.model.get_model_object("latent_format")
    scaled = latent_format.process_in(torch.ones(1, 4, 2, 2))
    torch.testing.assert_close(scaled, torch.full((1, 4, 2, 2), pipe.vae.config.scaling_factor))


def test_loads_without_a_warning(nodes, caplog):
    with caplog.at_level(logging.WARNING):
        nodes.DiffEditDemoModel.execute()
    assert not caplog.records


def test_lora_reaches_unet_and_text_encoder(demo, prompts, latent):
    import comfy.sd

    unet_key = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_v"
    clip_key = "lora_te_text_model_encoder_layers_0_self_attn_v_proj"
    lora = {}
    for key, inner in ((unet_key, 96), (clip_key, 96)):
        lora[f"{key}.lora_up.weight"] = torch.ones(96, 1)
        lora[f"{key}.lora_down.weight"] = torch.ones(1, inner)
    model, clip = comfy.sd.load_lora_for_models(demo.model, demo.clip, lora, 1.0, 1.0)
    (unet_patched,) = model.patches
    (clip_patched,) = clip.patcher.patches
    assert unet_patched.endswith("input_blocks.3.1.transformer_blocks.0.attn2.to_v.weight")
    assert clip_patched.endswith("layers.0.self_attn.v_proj.weight")


def test_comfyui_can_make_fresh_copies(demo):
    """What hooks and several GPUs need: a second patcher on weights of its own."""
    for patcher in (demo.model, demo.clip.patcher, demo.vae.patcher):
        make, arguments, index = patcher.cached_patcher_init
        fresh = make(*arguments, disable_dynamic=True)[index]
        assert type(fresh.model) is type(patcher.model)
        assert fresh.model is not patcher.model


@pytest.mark.parametrize("file", ["unet/config.json", "vae/diffusion_pytorch_model.safetensors"])
@pytest.mark.parametrize("left", [None, 0, 100])
def test_missing_and_damaged_weights_are_named(nodes, tmp_path, monkeypatch, file, left):
    shutil.copytree(FOLDER, tmp_path / "model")
    path = tmp_path / "model" / file
    whole = path.read_bytes()
    path.unlink()
    if left is not None:
        path.write_bytes(whole[:left])
    monkeypatch.setattr(nodes.demo_model, "FOLDER", tmp_path / "model")
    with pytest.raises(ValueError, match=rf"{file} is missing or damaged; reinstall the pack"):
        nodes.DiffEditDemoModel.execute()


def test_the_folder_reads_the_same_for_every_reader():
    """transformers 4 reads vocab.json and merges.txt, transformers 5 and ComfyUI tokenizer.json.
    All but transformers 5 want the text encoder's tensors under CLIP's names.
    """
    folder = FOLDER / "tokenizer"
    fast = json.loads((folder / "tokenizer.json").read_text())["model"]
    assert json.loads((folder / "vocab.json").read_text()) == fast["vocab"]
    merges = (folder / "merges.txt").read_text().splitlines()[1:]
    assert [merge.split() for merge in merges] == fast["merges"]
    weights = load_file(FOLDER / "text_encoder" / "model.safetensors")
    assert all(name.startswith("text_model.") for name in weights)
