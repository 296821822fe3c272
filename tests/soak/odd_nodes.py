"""A second pack for the server, with two nodes: one hands on what no stock node makes, the other
looks at what came out.

It stands alone, since the server gets its source, CODE, as a pack.
"""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

NAN, INF = math.nan, math.inf
TRAJECTORY = "diffedit_trajectory"

Distortion = Callable[[Any], Any]
"""From a right value to an odd one."""


def filled(value: float) -> Distortion:
    """The last number of a tensor becomes `value`."""

    def change(tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.clone()
        tensor.view(-1)[-1] = value
        return tensor

    return change


def samples(change: Distortion) -> Distortion:
    return lambda latent: {**latent, "samples": change(latent["samples"])}


def entry(**options: Any) -> Distortion:
    """The first entry of a LATENT, or the options of a CONDITIONING's prompts, replaced."""

    def change(value: Any) -> Any:
        if isinstance(value, dict):
            return {**value, **options}
        return [[tensor, {**others, **options}] for tensor, others in value]

    return change


def prompt(change: Distortion) -> Distortion:
    """The tensor of each prompt of a CONDITIONING changed."""
    return lambda conditioning: [[change(tensor), others] for tensor, others in conditioning]


def trajectory(change: Callable[[Any], Any]) -> Distortion:
    """The trajectory of a LATENT changed, where it has one."""
    return lambda latent: {**latent, TRAJECTORY: change(latent.get(TRAJECTORY))}


def blocked(value: Any) -> Any:
    from comfy_execution.graph_utils import ExecutionBlocker

    return ExecutionBlocker(None)


def several(latent: Any) -> Any:
    from comfy.nested_tensor import NestedTensor

    return {"samples": NestedTensor([latent["samples"], latent["samples"]])}


def without(model: Any, attribute: str) -> Any:
    model = copy.copy(model)
    setattr(model, attribute, None)
    return model


ANYTHING: dict[str, Distortion] = {
    "None": lambda value: None,
    "a text": lambda value: "a text",
    "a number": lambda value: 7,
    "an empty list": lambda value: [],
    "an empty dictionary": lambda value: {},
    "an object": lambda value: SimpleNamespace(),
    "blocked": blocked,
}
"""Odd in the place of anything."""

NUMBERS: dict[str, Distortion] = {
    "NaN": lambda value: NAN,
    "infinity": lambda value: INF,
    "minus infinity": lambda value: -INF,
    "-1": lambda value: -1,
    "0": lambda value: 0,
    "0.5": lambda value: 0.5,
    "1e308": lambda value: 1e308,
    "2**70": lambda value: 2**70,
    "-2**63": lambda value: -(2**63),
    "a text": lambda value: "seven",
    "a number as text": lambda value: "1",
    "True": lambda value: True,
    "a tensor": lambda value: torch.ones(3),
    "a tensor of one": lambda value: torch.tensor(1.0),
    "a list": lambda value: [1, 2],
    "complex": lambda value: 1j,
    "None": lambda value: None,
}

TEXTS: dict[str, Distortion] = {
    "lone surrogate": lambda value: "a bowl \ud800 of pears",
    "control characters": lambda value: "\x00\x1b[31m\x07\r\n\u202e",
    "bytes": lambda value: b"a bowl",
    "long": lambda value: "a bowl of pears " * 2000,
    "empty": lambda value: "",
    "NaN": lambda value: NAN,
    "a number": lambda value: 7,
    "a list": lambda value: ["a", "b"],
    "braces": lambda value: "{a|{b|c} {concept} {0} %s",
    "None": lambda value: None,
}

ODD: dict[str, dict[str, Distortion]] = {
    "IMAGE": {
        "no pictures": lambda image: image[:0],
        "no rows": lambda image: image[:, :0],
        "no columns": lambda image: image[:, :, :0],
        "no channels": lambda image: image[..., :0],
        "1 channel": lambda image: image[..., :1],
        "2 channels": lambda image: image[..., :2],
        "4 channels": lambda image: torch.cat([image, image[..., :1]], -1),
        "5 channels": lambda image: torch.cat([image, image[..., :2]], -1),
        "1 pixel": lambda image: image[:, :1, :1],
        "1 row": lambda image: image[:, :1],
        "NaN": filled(NAN),
        "infinity": filled(INF),
        "all NaN": lambda image: torch.full_like(image, NAN),
        "-3 to 7": lambda image: image * 10 - 3,
        "half precision": lambda image: image.half(),
        "bfloat16": lambda image: image.bfloat16(),
        "double precision": lambda image: image.double(),
        "bytes": lambda image: (image * 255).byte(),
        "integers": lambda image: (image * 255).long(),
        "bool": lambda image: image > 0.5,
        "complex": lambda image: image.to(torch.complex64),
        "without a batch": lambda image: image[0],
        "5 dimensions": lambda image: image[None],
        "channels first": lambda image: image.movedim(-1, 1),
        "a numpy array": lambda image: image.numpy(),
        "a list of pictures": lambda image: list(image),
        "with a gradient": lambda image: image.clone().requires_grad_(),
    },
    "MASK": {
        "no masks": lambda mask: mask[:0],
        "no rows": lambda mask: mask[:, :0],
        "no columns": lambda mask: mask[:, :, :0],
        "[H, W]": lambda mask: mask[0],
        "[B, 1, H, W]": lambda mask: mask[:, None],
        "[B, H, W, 1]": lambda mask: mask[..., None],
        "[B, H, W, 3]": lambda mask: mask[..., None].repeat(1, 1, 1, 3),
        "[H]": lambda mask: mask[0, 0],
        "a scalar": lambda mask: mask.mean(),
        "1 pixel": lambda mask: mask[:, :1, :1],
        "1 row": lambda mask: mask[:, :1],
        "3 masks": lambda mask: mask[:1].repeat(3, 1, 1),
        "NaN": filled(NAN),
        "infinity": filled(INF),
        "minus infinity": filled(-INF),
        "-3 to 7": lambda mask: mask * 10 - 3,
        "half precision": lambda mask: mask.half(),
        "bfloat16": lambda mask: mask.bfloat16(),
        "double precision": lambda mask: mask.double(),
        "bytes": lambda mask: (mask * 255).byte(),
        "integers": lambda mask: mask.round().long(),
        "bool": lambda mask: mask > 0.5,
        "complex": lambda mask: mask.to(torch.complex64),
        "all 0": torch.zeros_like,
        "all 1": torch.ones_like,
        "a numpy array": lambda mask: mask.numpy(),
        "a list of masks": lambda mask: list(mask),
    },
    "LATENT": {
        "without samples": lambda latent: {
            key: value for key, value in latent.items() if key != "samples"
        },
        "samples None": entry(samples=None),
        "samples a list": samples(lambda tensor: tensor.tolist()),
        "a tensor": lambda latent: latent["samples"],
        "NaN": samples(filled(NAN)),
        "infinity": samples(filled(INF)),
        "no latents": samples(lambda tensor: tensor[:0]),
        "no rows": samples(lambda tensor: tensor[:, :, :0]),
        "no channels": samples(lambda tensor: tensor[:, :0]),
        "3 channels": samples(lambda tensor: tensor[:, :3]),
        "5 channels": samples(lambda tensor: torch.cat([tensor, tensor[:, :1]], 1)),
        "1 cell": samples(lambda tensor: tensor[:, :, :1, :1]),
        "3 dimensions": samples(lambda tensor: tensor[0]),
        "5 dimensions": samples(lambda tensor: tensor[:, :, None]),
        "half precision": samples(lambda tensor: tensor.half()),
        "double precision": samples(lambda tensor: tensor.double()),
        "integers": samples(lambda tensor: tensor.long()),
        "complex": samples(lambda tensor: tensor.to(torch.complex64)),
        "huge": samples(lambda tensor: tensor * 1e30),
        "several in one": several,
        "batch_index longer": entry(batch_index=[0, 1, 2, 3, 4]),
        "batch_index empty": entry(batch_index=[]),
        "batch_index of texts": entry(batch_index=["a"]),
        "batch_index negative": entry(batch_index=[-1]),
        "batch_index NaN": entry(batch_index=[NAN]),
        "batch_index a number": entry(batch_index=3),
        "batch_index None": entry(batch_index=None),
        "noise_mask None": entry(noise_mask=None),
        "noise_mask of another size": entry(noise_mask=torch.ones(3, 1, 5, 7)),
        "noise_mask empty": entry(noise_mask=torch.ones(0)),
        "noise_mask a text": entry(noise_mask="a text"),
        "ratio a text": entry(downscale_ratio_spacial="eight"),
        "ratio 0": entry(downscale_ratio_spacial=0),
        "trajectory None": trajectory(lambda steps: None),
        "trajectory a text": trajectory(lambda steps: "a text"),
        "trajectory empty": trajectory(lambda steps: ()),
        "trajectory without sigmas": trajectory(lambda steps: steps and steps._replace(sigmas=[])),
        "trajectory with NaN": trajectory(
            lambda steps: steps and steps._replace(latents=steps.latents * NAN)
        ),
        "trajectory with a sigma NaN": trajectory(
            lambda steps: steps and steps._replace(sigmas=[NAN for _ in steps.sigmas])
        ),
        "trajectory cut": trajectory(
            lambda steps: steps and steps._replace(latents=steps.latents[1:])
        ),
        "trajectory of one level": trajectory(
            lambda steps: steps and type(steps)(steps.latents[-1:], steps.sigmas[-1:])
        ),
    },
    "CONDITIONING": {
        "no prompt": lambda conditioning: [],
        "of length 0": prompt(lambda tensor: tensor[:, :0]),
        "of no pictures": prompt(lambda tensor: tensor[:0]),
        "of width 768": prompt(lambda tensor: torch.ones(1, 77, 768)),
        "of width 0": prompt(lambda tensor: tensor[..., :0]),
        "of 3 pictures": prompt(lambda tensor: tensor.repeat(3, 1, 1)),
        "1 dimension": prompt(lambda tensor: tensor[0, 0]),
        "2 dimensions": prompt(lambda tensor: tensor[0]),
        "4 dimensions": prompt(lambda tensor: tensor[None]),
        "NaN": prompt(filled(NAN)),
        "infinity": prompt(filled(INF)),
        "half precision": prompt(lambda tensor: tensor.half()),
        "integers": prompt(lambda tensor: tensor.long()),
        "tensor None": prompt(lambda tensor: None),
        "tensor a text": prompt(lambda tensor: "a bowl"),
        "without options": lambda conditioning: [[tensor] for tensor, _ in conditioning],
        "options None": lambda conditioning: [[tensor, None] for tensor, _ in conditioning],
        "a bare tensor": lambda conditioning: conditioning[0][0],
        "a list of tensors": lambda conditioning: [tensor for tensor, _ in conditioning],
        "three in an entry": lambda conditioning: [[*one, 7] for one in conditioning],
        "pooled None": entry(pooled_output=None),
        "pooled a text": entry(pooled_output="a text"),
        "pooled NaN": entry(pooled_output=torch.full((1, 768), NAN)),
        "area empty": entry(area=(0, 0, 0, 0)),
        "area outside": entry(area=(4, 4, 100, 100)),
        "area a text": entry(area="everywhere"),
        "area of NaN": entry(area=("percentage", NAN, NAN, 0.0, 0.0)),
        "mask of another size": entry(mask=torch.ones(2, 5, 7)),
        "mask empty": entry(mask=torch.ones(0, 5, 7)),
        "mask NaN": entry(mask=torch.full((1, 8, 8), NAN)),
        "mask None": entry(mask=None),
        "strength NaN": entry(strength=NAN),
        "strength a text": entry(strength="strong"),
        "percents the wrong way": entry(start_percent=0.9, end_percent=0.1),
        "percents NaN": entry(start_percent=NAN, end_percent=NAN),
        "percents texts": entry(start_percent="a", end_percent="b"),
        "control a text": entry(control="a text"),
        "hooks a text": entry(hooks="a text"),
        "gligen a text": entry(gligen="a text"),
        "reference of another size": entry(reference_latents=[torch.ones(1, 4, 3, 5)]),
        "reference None": entry(reference_latents=None),
        "concat NaN": entry(concat_latent_image=torch.full((1, 4, 8, 8), NAN)),
    },
    "MODEL": {
        "its network": lambda model: model.model,
        "with methods that give nothing": lambda model: SimpleNamespace(
            get_model_object=lambda name: None, clone=lambda: None, model=None, model_options={}
        ),
    },
    "CLIP": {},
    "VAE": {
        "first stage None": lambda vae: without(vae, "first_stage_model"),
        "with methods that give nothing": lambda vae: SimpleNamespace(
            encode=lambda pixels: None, decode=lambda samples: None, first_stage_model=0
        ),
    },
    "SIGMAS": {
        "none": lambda sigmas: sigmas[:0],
        "one": lambda sigmas: sigmas[:1],
        "NaN": filled(NAN),
        "infinity": lambda sigmas: sigmas * INF,
        "rising": lambda sigmas: sigmas.flip(0),
        "negative": lambda sigmas: -sigmas,
        "all 0": torch.zeros_like,
        "all equal": torch.ones_like,
        "not down to 0": lambda sigmas: sigmas[:-1],
        "far above the model": lambda sigmas: sigmas * 1e6,
        "hardly any": lambda sigmas: sigmas * 1e-12,
        "2 dimensions": lambda sigmas: sigmas[None],
        "a scalar": lambda sigmas: sigmas.mean(),
        "a list": lambda sigmas: sigmas.tolist(),
        "integers": lambda sigmas: sigmas.long(),
        "half precision": lambda sigmas: sigmas.half(),
        "complex": lambda sigmas: sigmas.to(torch.complex64),
    },
    "DIFFEDIT_WINDOW": {
        "a tuple": lambda window: (window, window),
        "without windows": lambda window: window._replace(windows=[]),
        "windows None": lambda window: window._replace(windows=None),
        "3 windows": lambda window: window._replace(windows=window.windows * 3),
        "original None": lambda window: window._replace(original=None),
        "original NaN": lambda window: window._replace(original=window.original * NAN),
        "no originals": lambda window: window._replace(original=window.original[:0]),
        "original too small": lambda window: window._replace(original=window.original[:, :3, :3]),
    },
    "INT": NUMBERS,
    "FLOAT": NUMBERS,
    "BOOLEAN": NUMBERS,
    "STRING": TEXTS,
    "COMBO": TEXTS,
    "COMFY_DYNAMICCOMBO_V3": TEXTS,
}
"""The odd values by the type in the place of which they stand."""


def odd_names(type_: str) -> list[str]:
    """The names of all odd values that can stand in the place of the type."""
    return sorted(ANYTHING.keys() | ODD.get(type_, {}).keys())


def odd_value(type_: str, name: str, right: Any) -> Any:
    distortion = ODD.get(type_, {}).get(name) or ANYTHING[name]
    return distortion(right)


def problems(type_: str, value: Any) -> list[str]:
    """What is wrong with a value that should be of that type: where it is no number, out of range
    or shaped otherwise.
    """
    if type_ == "CONDITIONING" and isinstance(value, list):
        return [fault for tensor, _ in value for fault in problems("tensor", tensor)]
    if type_ == "LATENT" and isinstance(value, dict):
        found = problems("tensor", value.get("samples"))
        if value.get(TRAJECTORY) is not None:  # a node hands on what it does not know
            found += problems("tensor", getattr(value[TRAJECTORY], "latents", None))
        return found
    if type_ in ("IMAGE", "MASK", "tensor"):
        if not isinstance(value, torch.Tensor):
            return [f"a {type(value).__name__}"]
        if not value.numel():
            return [f"empty, {list(value.shape)}"]
        if not value.isfinite().all():
            return ["not finite"]
    if type_ == "IMAGE" and (value.ndim != 4 or value.shape[-1] not in (3, 4)):
        return [f"shape {list(value.shape)}"]
    if type_ == "MASK":
        if value.ndim != 3:
            return [f"shape {list(value.shape)}"]
        if value.min() < 0 or value.max() > 1:
            return ["not in 0 to 1"]
    if type_ == "STRING" and not isinstance(value, str):
        return [f"a {type(value).__name__}"]
    return []


SEVERAL = ("*", *sorted(ODD), "DIFFEDIT_LANGUAGE_MODEL", "DIFFEDIT_CAPTION_MODEL")
"""The types of the outputs of OddValue."""


class OddValue:
    """Hands on an odd value, at every output the same, or with the name "right" what it is given.

    salt: has no effect but that ComfyUI's cache does not know the node yet.
    """

    RETURN_TYPES = SEVERAL
    FUNCTION = "give"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        texts = {name: ("STRING", {}) for name in ("type", "name", "salt")}
        return {"required": texts, "optional": {"right": ("*",)}}

    def give(self, type: str, name: str, salt: str, right: Any = None) -> tuple[Any, ...]:
        value = right if name == "right" else odd_value(type, name, right)
        return (value,) * len(SEVERAL)


class LookAt:
    """Shows what is wrong with values of the types, separated by commas."""

    RETURN_TYPES = ()
    FUNCTION = "look"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        values = {f"value_{number}": ("*",) for number in range(4)}
        return {"required": {"types": ("STRING", {})}, "optional": values}

    def look(self, types: str, **values: Any) -> dict[str, Any]:
        found = [
            f"{type_}: {fault}"
            for number, type_ in enumerate(types.split(","))
            for fault in problems(type_, values.get(f"value_{number}"))
        ]
        return {"ui": {"problems": found}}


NODE_CLASS_MAPPINGS = {"OddValue": OddValue, "LookAt": LookAt}

CODE = Path(__file__).read_text(encoding="utf-8")
