"""Model families as ComfyUI builds them, at small widths and with random weights.

Made for tests of what is the families' own: the shape and scale of their latents, what their
conditioning holds and how they predict.  What they predict is mild noise, and means nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import comfy.model_patcher
import torch
from comfy import supported_models as models
from comfy.supported_models_base import BASE
from torch import Tensor

# Of the last layer's usual weights: so mild a network can be inverted by fixed-point iteration.
MILD = 0.05


@dataclass(frozen=True)
class Family:
    """How to build a small model of a family, and what goes into it.

    config: ComfyUI's own.  network: the arguments of its network.  context, pooled: the widths of
    its text embeddings, None where it takes no pooled one.  latent: the shape of two latents.
    checkpoint: what the file holds by which ComfyUI knows the kind of prediction.
    """

    config: type[BASE]
    network: dict[str, Any]
    latent: tuple[int, ...]
    context: int = 16
    pooled: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    checkpoint: dict[str, Tensor] = field(default_factory=dict)

    def model(self) -> comfy.model_patcher.ModelPatcher:
        config = self.config(self.network)
        config.set_inference_dtype(torch.float32, None)
        model = config.get_model(self.checkpoint, device=torch.device("cpu"))
        generator = torch.Generator().manual_seed(0)
        network = model.diffusion_model
        for name, weights in (*network.named_parameters(), *network.named_buffers()):
            _initialise(name, weights, generator)
        return comfy.model_patcher.ModelPatcher(
            model, load_device=torch.device("cpu"), offload_device=torch.device("cpu")
        )

    def conditioning(self, seed: int) -> list[Any]:
        generator = torch.Generator().manual_seed(seed)
        options = dict(self.options)
        if self.pooled:
            options["pooled_output"] = torch.randn(1, self.pooled, generator=generator)
        return [[torch.randn(1, 8, self.context, generator=generator), options]]

    def samples(self) -> dict[str, Any]:
        return {"samples": torch.randn(self.latent, generator=torch.Generator().manual_seed(0))}


def _initialise(name: str, weights: Tensor, generator: torch.Generator) -> None:
    last = name.startswith(("out.2", "final_layer.linear", "head.head", "proj_out"))
    if weights.ndim == 1:  # a bias, or the scale of a norm
        weights.fill_(float(name.endswith(("weight", "scale")) and not last))
    else:
        std = (MILD if last else 1) * weights[0].numel() ** -0.5
        weights.copy_(std * torch.randn(weights.shape, generator=generator))


def _unet(channels: int, **different: Any) -> dict[str, Any]:
    return {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": channels,
        "channel_mult": [1, 1],
        "num_res_blocks": [1, 1],
        "transformer_depth": [0, 1],
        "transformer_depth_output": [0, 0, 1, 1],
        "transformer_depth_middle": 1,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": True,
        "context_dim": 16,
        "legacy": False,
        "adm_in_channels": None,
        **different,
    }


_FLUX = {
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 12,
    "context_in_dim": 16,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [4, 6, 6],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": True,
    "txt_ids_dims": [],
}

FAMILIES = {
    "SD 1": Family(models.SD15, _unet(32), latent=(2, 4, 8, 12)),
    "SD 1, inpainting": Family(models.SD15, _unet(32, in_channels=9), latent=(2, 4, 8, 12)),
    "SD 2, v-prediction": Family(
        models.SD20,
        _unet(64),
        latent=(2, 4, 8, 12),
        checkpoint={"output_blocks.11.1.transformer_blocks.0.norm1.bias": torch.tensor([-1, 1.0])},
    ),
    "SDXL": Family(
        models.SDXL,
        # 6 numbers of the picture's size, 256 wide each, go along with the pooled text.
        _unet(64, adm_in_channels=12 + 6 * 256, num_classes="sequential"),
        latent=(2, 4, 8, 12),
        pooled=12,
        options={"width": 96, "height": 64},
    ),
    "SDXL, Playground": Family(
        models.SDXL,
        _unet(64, adm_in_channels=12 + 6 * 256, num_classes="sequential"),
        latent=(2, 4, 8, 12),
        pooled=12,
        checkpoint={"edm_mean": torch.zeros(4), "edm_std": torch.ones(4)},
    ),
    "SD 3": Family(
        models.SD3,
        {
            "in_channels": 16,
            "depth": 1,
            "num_blocks": 2,
            "adm_in_channels": 12,
            "context_embedder_config": {
                "target": "torch.nn.Linear",
                "params": {"in_features": 16, "out_features": 64},
            },
            "num_patches": 64,
            "pos_embed_max_size": 8,
            "input_size": None,
        },
        latent=(2, 16, 8, 12),
        pooled=12,
    ),
    "Flux": Family(models.Flux, _FLUX, latent=(2, 16, 8, 12), pooled=12, options={"guidance": 3.5}),
    "Flux 2": Family(
        models.Flux2,
        {**_FLUX, "in_channels": 128, "out_channels": 128, "vec_in_dim": None, "patch_size": 1},
        latent=(2, 128, 4, 6),
    ),
    "Wan, video": Family(
        models.WAN21_T2V,
        {
            "model_type": "t2v",
            "dim": 32,
            "ffn_dim": 64,
            "freq_dim": 16,
            "text_dim": 16,
            "num_heads": 2,
            "num_layers": 1,
        },
        latent=(2, 16, 3, 8, 12),
    ),
}
