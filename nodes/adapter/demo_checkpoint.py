"""Loading the demo model into ComfyUI's MODEL, CLIP and VAE; its LoRA is for Load LoRA.

Its folder is laid out as diffusers' and shaped as Stable Diffusion 1, but narrower, which is why
ComfyUI's own loaders, that tell models by their widths, do not know it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import comfy.clip_model
import comfy.latent_formats
import comfy.model_management
import comfy.model_patcher
import comfy.sd
import comfy.sd1_clip
import comfy.supported_models_base
import comfy.utils
import folder_paths
import torch

DEMO = Path(__file__).parents[2] / "demo"
FOLDER = DEMO / "model"
folder_paths.add_model_folder_path("loras", str(DEMO / "loras"))


def load(
    folder: Path, disable_dynamic: bool = False
) -> tuple[comfy.model_patcher.ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE]:
    """Load a MODEL, a CLIP and a VAE from a folder in diffusers' layout.

    Raises ValueError where a file is missing or damaged.
    """
    model = load_model(folder, disable_dynamic)
    clip = load_clip(folder, disable_dynamic)
    vae = load_vae(folder)
    # How ComfyUI gets itself fresh copies, for hooks and for several GPUs.
    for index, patcher in enumerate((model, clip.patcher, vae.patcher)):
        patcher.cached_patcher_init = (_load_patchers, (folder,), index)
    return model, clip, vae


def load_model(folder: Path, disable_dynamic: bool) -> comfy.model_patcher.ModelPatcher:
    config = DemoModelConfig(unet_config(_read_json(folder / "unet" / "config.json")))
    config.latent_format = DemoLatentFormat(folder)
    weights = _read_weights(folder / "unet" / "diffusion_pytorch_model.safetensors")
    keys = comfy.utils.unet_to_diffusers(config.unet_config)
    weights = {keys[key]: value for key, value in weights.items()}

    load_device = comfy.model_management.get_torch_device()
    offload_device = comfy.model_management.unet_offload_device()
    dtypes = config.supported_inference_dtypes
    dtype = comfy.model_management.unet_dtype(
        model_params=comfy.utils.calculate_parameters(weights),
        supported_dtypes=dtypes,
        weight_dtype=comfy.utils.weight_dtype(weights),
    )
    cast = comfy.model_management.unet_manual_cast(dtype, load_device, dtypes)
    config.set_inference_dtype(dtype, cast)
    model = config.get_model(weights, device=offload_device)
    patcher_class = (
        comfy.model_patcher.ModelPatcher
        if disable_dynamic
        else comfy.model_patcher.CoreModelPatcher
    )
    patcher = patcher_class(model, load_device=load_device, offload_device=offload_device)
    model.load_model_weights(weights, assign=patcher.is_dynamic())
    return patcher


def load_clip(folder: Path, disable_dynamic: bool) -> comfy.sd.CLIP:
    config = _read_json(folder / "text_encoder" / "config.json")
    weights = _read_weights(folder / "text_encoder" / "model.safetensors")
    weights = {f"clip_l.transformer.{key}": value for key, value in weights.items()}
    tokens = config["max_position_embeddings"]
    tokenizer = partial(
        comfy.sd1_clip.SDTokenizer,
        tokenizer_path=str(folder / "tokenizer"),
        max_length=tokens,
        embedding_size=config["hidden_size"],
    )
    text_encoder = partial(
        comfy.sd1_clip.SDClipModel,
        max_length=tokens,
        textmodel_json_config=config,
        model_class=SmallVocabularyCLIP,
        special_tokens={
            "start": config["bos_token_id"],
            "end": config["eos_token_id"],
            "pad": config["pad_token_id"],
        },
        return_projected_pooled=False,
    )
    target = comfy.supported_models_base.ClipTarget(
        partial(comfy.sd1_clip.SD1Tokenizer, tokenizer=tokenizer),  # pyright: ignore[reportArgumentType]
        partial(comfy.sd1_clip.SD1ClipModel, clip_model=text_encoder),  # pyright: ignore[reportArgumentType]
    )
    return comfy.sd.CLIP(
        target,
        parameters=comfy.utils.calculate_parameters(weights),
        state_dict=weights,
        disable_dynamic=disable_dynamic,
    )


def load_vae(folder: Path) -> comfy.sd.VAE:
    """diffusers' AutoencoderTiny is ComfyUI's TAESD under other names."""
    weights = {"vae_scale": torch.tensor(1.0), "vae_shift": torch.tensor(0.0)}
    stored = _read_weights(folder / "vae" / "diffusion_pytorch_model.safetensors")
    for key, value in stored.items():
        half, _, layer, rest = key.split(".", 3)
        # ComfyUI's decoder starts with the clamp that diffusers does not count as a layer.
        layer = int(layer) + (half == "decoder")
        weights[f"taesd_{half}.{layer}.{rest}"] = value
    return comfy.sd.VAE(sd=weights)


def unet_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of ComfyUI's UNetModel for that of diffusers' UNet2DConditionModel."""
    widths = config["block_out_channels"]
    depths = [
        config["transformer_layers_per_block"] if "CrossAttn" in block else 0
        for block in config["down_block_types"]
    ]
    layers = config["layers_per_block"]
    return {
        "image_size": config["sample_size"],
        "in_channels": config["in_channels"],
        "out_channels": config["out_channels"],
        "model_channels": widths[0],
        "channel_mult": [_Multiple(width, widths[0]) for width in widths],
        "num_res_blocks": [layers] * len(widths),
        "transformer_depth": [depth for depth in depths for _ in range(layers)],
        "transformer_depth_output": [depth for depth in depths for _ in range(layers + 1)],
        "transformer_depth_middle": config["transformer_layers_per_block"],
        "use_spatial_transformer": True,
        "use_linear_in_transformer": config["use_linear_projection"],
        "context_dim": config["cross_attention_dim"],
        # diffusers calls the number of heads attention_head_dim, by mistake and for ever.
        "num_heads": config["attention_head_dim"],
        "legacy": False,
        "adm_in_channels": None,
    }


class DemoModelConfig(comfy.supported_models_base.BASE):
    unet_extra_config = {}
    memory_usage_factor = 1.0


class DemoLatentFormat(comfy.latent_formats.LatentFormat):
    """The VAE's latents times its scaling factor; previews by a linear map to RGB."""

    def __init__(self, folder: Path):
        self.scale_factor = _read_json(folder / "vae" / "config.json")["scaling_factor"]
        preview = _read_json(folder / "preview.json")
        self.latent_rgb_factors = preview["latent_rgb_factors"]
        self.latent_rgb_factors_bias = preview["latent_rgb_factors_bias"]


class SmallVocabularyCLIP(comfy.clip_model.CLIPTextModel):
    """ComfyUI's CLIP text model with the vocabulary of its configuration, not CLIP's 49408."""

    def __init__(self, config: dict[str, Any], dtype: torch.dtype, device: Any, operations: Any):
        super().__init__(config, dtype, device, operations)
        self.set_input_embeddings(
            operations.Embedding(
                config["vocab_size"], config["hidden_size"], dtype=dtype, device=device
            )
        )


class _Multiple(Fraction):
    """What to multiply a width with to get another width; ComfyUI expects whole numbers only."""

    def __mul__(self, width: int) -> int:
        return int(super().__mul__(width))

    __rmul__ = __mul__  # pyright: ignore[reportAssignmentType]


def _load_patchers(
    folder: Path, disable_dynamic: bool = False
) -> list[comfy.model_patcher.ModelPatcher]:
    model, clip, vae = load(folder, disable_dynamic)
    return [model, clip.patcher, vae.patcher]


def _read_json(path: Path) -> Any:
    with _named(path):
        return json.loads(path.read_text(encoding="utf-8"))


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    with _named(path):
        weights: Any = comfy.utils.load_torch_file(str(path), safe_load=True)
        return weights


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Raise whatever a reader says of a missing or damaged file as one sentence."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"demo model: the file {path} is missing or damaged; reinstall the pack, or run `make "
            "train-demo` in its folder to train the model anew."
        ) from error
