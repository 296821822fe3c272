"""What enters a node, checked and put into one form by the types that its schema gives.

ComfyUI checks the numbers and choices of widgets, but neither NaN nor what comes in by a link,
which an output of any type (`*`) can make anything.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeGuard

import numpy as np
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import Tensor

from .checks import check_finite
from .pictures import mask_values
from .printable import printable_errors
from .windows import PictureWindows


def checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """Decorate a node's `execute`, below `classmethod`: it gets its inputs checked (`check_inputs`)
    and raises what every log can print (`printable_errors`).
    """

    @functools.wraps(execute)
    def run(cls: type[io.ComfyNode], **inputs: Any) -> io.NodeOutput:
        with printable_errors():
            return execute(cls, **check_inputs(cls.define_schema().inputs, inputs))

    return run


def check_inputs(
    declared: list[io.Input], given: dict[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Return what is given for the declared inputs, an IMAGE as `[B, H, W, C]` and a MASK as
    `[B, H, W]` in 0..1, both float32.

    prefix: of the names in messages, for the inputs of a choice that opens widgets of its own.
    Raises ValueError for what is missing, of another type, empty, not finite or out of range.
    """
    values: dict[str, Any] = {}
    for one in declared:
        name, value = prefix + one.id, given.get(one.id)
        if isinstance(one, io.DynamicCombo.Input):
            values[one.id] = _opened(one, value)
        elif value is not None:
            values[one.id] = CHECKS[one.get_io_type()](name, value, one)
        elif not one.optional:
            raise ValueError(
                f"{name}: there is no {one.get_io_type()} in it; look at the node that it comes "
                "from."
            )
    return values


def _opened(choice: io.DynamicCombo.Input, value: Any) -> Any:
    """The value of a choice that opens widgets, with these checked; one that is no such value is
    for the node itself to refuse.
    """
    key = value.get(choice.id) if isinstance(value, dict) else None
    for option in choice.options:
        if option.key == key:
            return {choice.id: key, **check_inputs(option.inputs, value, f"{choice.id}.")}
    return value


def _image(name: str, value: Any, _: io.Input) -> Tensor:
    if not _is_array(value) or value.ndim != 4:
        raise ValueError(_another_type(name, "IMAGE"))
    _check_size(name, "picture", value)
    channels = value.shape[-1]
    if channels not in (1, 3, 4):
        raise ValueError(
            f"{name}: its pictures have {channels} channels; connect pictures with 1 (grey), 3 "
            "(RGB) or 4 (RGB and alpha)."
        )
    check_finite(name, value)
    return value.float()


def _mask(name: str, value: Any, _: io.Input) -> Tensor:
    if not _is_array(value) or not 2 <= value.ndim <= 4:
        raise ValueError(_another_type(name, "MASK"))
    if value.ndim == 4:  # some nodes keep a channel, first or last
        channel = 1 if value.shape[1] == 1 else 3
        if value.shape[channel] != 1:
            raise ValueError(_another_type(name, "MASK"))
        value = value.squeeze(channel)
    _check_size(name, "mask", value)
    return mask_values(value, name)


def _latent(name: str, value: Any, _: io.Input) -> dict[str, Any]:
    samples = value.get("samples") if isinstance(value, dict) else None
    if getattr(samples, "is_nested", False):  # several in one; some nodes take these
        return value
    if not _is_array(samples) or samples.ndim < 3:
        raise ValueError(_another_type(name, "LATENT"))
    _check_size(name, "picture", samples)
    check_finite(name, samples)
    indices = value.get("batch_index")
    if indices is not None and not _numbers(indices, len(samples)):
        raise ValueError(
            f"{name}: its batch_index does not number its pictures, of which there are "
            f"{len(samples)}; look at the node that has changed the batch."
        )
    return value


def _numbers(indices: Any, count: int) -> bool:
    """Whether these are so many whole numbers from 0."""
    return (
        isinstance(indices, (list, tuple))
        and len(indices) == count
        and all(isinstance(one, WHOLE) and one >= 0 for one in indices)
    )


def _conditioning(name: str, value: Any, _: io.Input) -> list[Any]:
    if not isinstance(value, list) or not all(_is_prompt(entry) for entry in value):
        raise ValueError(_another_type(name, "CONDITIONING"))
    if not value or not all(context.numel() for context, _ in value):
        raise ValueError(f"{name}: there is no prompt in it; connect a CLIP Text Encode.")
    for context, _ in value:
        check_finite(name, context, often="a text encoder running in half precision")
    return value


def _is_prompt(entry: Any) -> bool:
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        return False
    context, options = entry
    return (
        _is_array(context)
        and isinstance(options, dict)
        and ("mask" not in options or _is_array(options["mask"]))
    )


def _is_array(value: Any) -> TypeGuard[Tensor]:
    """Whether it is a tensor of numbers to reckon with."""
    return isinstance(value, Tensor) and not (
        value.is_meta or value.is_sparse or value.is_quantized or value.is_complex()
    )


def _sigmas(name: str, value: Any, _: io.Input) -> Tensor:
    if not _is_array(value) or value.ndim != 1:
        raise ValueError(_another_type(name, "SIGMAS"))
    return value


def _vae(name: str, value: Any, declared: io.Input) -> Any:
    if getattr(value, "first_stage_model", value) is None:
        raise ValueError(
            f"{name}: the checkpoint that it comes from has no VAE; connect one from Load VAE."
        )
    return _object(name, value, declared)


def _object(name: str, value: Any, declared: io.Input) -> Any:
    """The value, if it has what one of its kind has: other packs bring classes of their own."""
    kind = declared.get_io_type()
    if not hasattr(value, ATTRIBUTES[kind]):
        raise ValueError(_another_type(name, kind))
    return value


def _model(name: str, value: Any, _: io.Input) -> Any:
    if not isinstance(value, ModelPatcher):
        raise ValueError(_another_type(name, "MODEL"))
    return value


def _window(name: str, value: Any, declared: io.Input) -> Any:
    if not isinstance(value, PictureWindows):
        raise ValueError(_another_type(name, "DIFFEDIT_WINDOW"))
    original = _image(name, value.original, declared)
    places = [one.slices for one in value.windows or []]
    inside = all(
        along.stop <= size
        for place in places
        for along, size in zip(place, original.shape[1:3], strict=True)
    )
    if len(places) != len(original) or not inside:
        raise ValueError(f"{name}: it does not belong to its pictures; connect Edit Window's.")
    return PictureWindows(original, value.windows)


def _number(name: str, value: Any, declared: Any) -> Any:
    whole = declared.get_io_type() == "INT"
    kinds = WHOLE if whole else REAL
    if not isinstance(value, kinds) or not declared.min <= value <= declared.max:
        given = str(value)[:20] if isinstance(value, REAL) else "no number"
        raise ValueError(
            f"{name}: it is {given}; give a {'whole ' if whole else ''}number from {declared.min} "
            f"to {declared.max}."
        )
    return int(value) if whole else float(value)


def _boolean(name: str, value: Any, _: io.Input) -> bool:
    if not isinstance(value, WHOLE):
        raise ValueError(f"{name}: it is neither on nor off; connect a BOOLEAN.")
    return bool(value)


def _text(name: str, value: Any, _: io.Input) -> str:
    if not isinstance(value, str):
        raise ValueError(_another_type(name, "STRING"))
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(
            f"{name}: a character of it is broken in half (a lone surrogate); write the text anew."
        )
    return value


def _choice(name: str, value: Any, declared: Any) -> Any:
    if not isinstance(value, str) or value not in declared.options:
        raise ValueError(
            f"{name}: there is no such choice; choose {', '.join(map(str, declared.options))}."
        )
    return value


def _check_size(name: str, thing: str, values: Tensor) -> None:
    if not values.numel():
        raise ValueError(f"{name}: there is no {thing} in it; connect at least one.")


def _another_type(name: str, kind: str) -> str:
    article = "an" if kind[0] in "AEIOU" else "a"
    return f"{name}: what comes in is not {article} {kind}; connect a node that makes one."


WHOLE = (int, np.integer, np.bool_)
REAL = (*WHOLE, float, np.floating)

ATTRIBUTES = {
    "CLIP": "encode_from_tokens_scheduled",
    "VAE": "decode",
    "DIFFEDIT_LANGUAGE_MODEL": "processor",
    "DIFFEDIT_CAPTION_MODEL": "processor",
}

CHECKS: dict[str, Callable[[str, Any, Any], Any]] = {
    **dict.fromkeys(ATTRIBUTES, _object),
    "MODEL": _model,
    "VAE": _vae,
    "DIFFEDIT_WINDOW": _window,
    "IMAGE": _image,
    "MASK": _mask,
    "LATENT": _latent,
    "CONDITIONING": _conditioning,
    "SIGMAS": _sigmas,
    "INT": _number,
    "FLOAT": _number,
    "BOOLEAN": _boolean,
    "STRING": _text,
    "COMBO": _choice,
}
"""What to check, by types of inputs."""
