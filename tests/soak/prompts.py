"""Prompts for every node of the pack with one thing wrong or several, each from a seed of its own.

A prompt begins as a right one, with a tiny picture and as few steps as there can be, and ends with
a look at what came out.  Then some inputs of the node are distorted.
"""

import copy
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.soak.odd_nodes import SEVERAL, odd_names
from tools.comfy_server import PACK_FOLDER, Workflow

Link = list[Any]
"""A node's id and the number of its output."""

Info = dict[str, dict[str, Any]]
"""What /object_info says of every node."""

WIDTH, HEIGHT = 64, 48

CHEAP = {"steps": 2, "draws": 1, "iterations": 1, "count": 2, "max_tokens": 4}
"""Widgets that cost time: their values, and none of their large ones is tried."""

TEXT = "a blue bowl of pears on a wooden table"
DYNAMIC = "COMFY_DYNAMICCOMBO_V3"


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def prompt_node(text: str) -> dict[str, Any]:
    return node("CLIPTextEncode", clip=["model", 1], text=text)


SURROUNDINGS: Workflow = {
    "model": node("DiffEditDemoModel"),
    "picture": node("DiffEditDemoPicture", picture="source.png"),
    "image": node(
        *("ImageScale",),
        image=["picture", 0],
        upscale_method="area",
        width=WIDTH,
        height=HEIGHT,
        crop="disabled",
    ),
    "mask": node("ImageToMask", image=["image", 0], channel="red"),
    "latent": node("VAEEncode", pixels=["image", 0], vae=["model", 2]),
    "trajectory": node(
        *("DiffEditNoiseTrajectory",),
        model=["model", 0],
        latent=["latent", 0],
        steps=2,
        strength=1.0,
        scheduler="ddim_uniform",
        seed=0,
    ),
    "source": prompt_node("a blue bowl of oranges on a wooden table"),
    "target": prompt_node(TEXT),
    "empty": prompt_node(""),
    "sigmas": node(
        "BasicScheduler", model=["model", 0], scheduler="ddim_uniform", steps=2, denoise=1.0
    ),
    "window": node(
        *("DiffEditWindow",),
        model=["model", 0],
        image=["image", 0],
        mask=["mask", 0],
        context=1.0,
        around="all",
    ),
    "language_model": node("DiffEditLanguageModelLoader", model="flan-t5-base"),
    "caption_model": node("DiffEditCaptionModelLoader", model="blip-image-captioning-large"),
}

RIGHT: dict[str, Link] = {
    "MODEL": ["model", 0],
    "CLIP": ["model", 1],
    "VAE": ["model", 2],
    "IMAGE": ["image", 0],
    "MASK": ["mask", 0],
    "LATENT": ["latent", 0],
    "CONDITIONING": ["target", 0],
    "SIGMAS": ["sigmas", 0],
    "DIFFEDIT_WINDOW": ["window", 2],
    "DIFFEDIT_LANGUAGE_MODEL": ["language_model", 0],
    "DIFFEDIT_CAPTION_MODEL": ["caption_model", 0],
}

BY_NAME: dict[str, Link] = {
    "source": ["source", 0],
    "negative": ["empty", 0],
    "source_negative": ["empty", 0],
    "target_negative": ["empty", 0],
    "empty_conditioning": ["empty", 0],
}
NEED_A_TRAJECTORY = {"MaskedDDIMSample", "DiffEditTrajectoryLevels"}

BY_STOCK: dict[str, list[Callable[[Link], dict[str, Any]]]] = {
    "IMAGE": [
        lambda right: node("EmptyImage", width=40, height=24, batch_size=1, color=0),
        lambda right: node("EmptyImage", width=1, height=1, batch_size=1, color=0xFFFFFF),
        lambda right: node("EmptyImage", width=7, height=64, batch_size=2, color=0xFF),
        lambda right: node("RepeatImageBatch", image=right, amount=3),
        lambda right: node("ImageFromBatch", image=right, batch_index=4095, length=1),
        lambda right: node("MaskToImage", mask=["mask", 0]),
        lambda right: node("ImageInvert", image=right),
        lambda right: node("RebatchImages", images=["_repeated", 0], batch_size=1),
    ],
    "MASK": [
        lambda right: node("SolidMask", value=1.0, width=40, height=24),
        lambda right: node("SolidMask", value=0.0, width=WIDTH, height=HEIGHT),
        lambda right: node("SolidMask", value=0.5, width=1, height=1),
        lambda right: node("InvertMask", mask=right),
        lambda right: node("ImageToMask", image=["_repeated", 0], channel="blue"),
    ],
    "LATENT": [
        lambda right: node("EmptyLatentImage", width=40, height=24, batch_size=1),
        lambda right: node("EmptyLatentImage", width=16, height=16, batch_size=3),
        lambda right: node("EmptySD3LatentImage", width=64, height=48, batch_size=1),
        lambda right: node("EmptyHunyuanLatentVideo", width=64, height=48, length=1, batch_size=1),
        lambda right: node("RepeatLatentBatch", samples=right, amount=3),
        lambda right: node("LatentFromBatch", samples=right, batch_index=63, length=64),
        lambda right: node("LatentBatch", samples1=right, samples2=["_empty_latent", 0]),
        lambda right: node("LatentFlip", samples=right, flip_method="x-axis: vertically"),
        lambda right: node("SetLatentNoiseMask", samples=right, mask=["mask", 0]),
        lambda right: node("VAEEncode", pixels=["_repeated", 0], vae=["model", 2]),
    ],
    "CONDITIONING": [
        lambda right: node("ConditioningZeroOut", conditioning=right),
        lambda right: node("ConditioningSetTimestepRange", conditioning=right, start=0.9, end=0.1),
        lambda right: node("ConditioningSetTimestepRange", conditioning=right, start=0.0, end=0.3),
        lambda right: node(
            *("ConditioningSetArea",),
            conditioning=right,
            width=64,
            height=64,
            x=4096,
            y=4096,
            strength=1.0,
        ),
        lambda right: node(
            *("ConditioningSetMask",),
            conditioning=right,
            mask=["mask", 0],
            strength=0.0,
            set_cond_area="mask bounds",
        ),
        lambda right: node(
            "ConditioningCombine", conditioning_1=right, conditioning_2=["empty", 0]
        ),
        lambda right: node("ConditioningConcat", conditioning_to=right, conditioning_from=right),
        lambda right: node("ReferenceLatent", conditioning=right, latent=["latent", 0]),
        lambda right: prompt_node("pears " * 500),
    ],
    "MODEL": [
        lambda right: node("ModelSamplingSD3", model=right, shift=3.0),
        lambda right: node(
            "ModelSamplingDiscrete", model=right, sampling="v_prediction", zsnr=True
        ),
        lambda right: node(
            *("ModelSamplingContinuousEDM",),
            model=right,
            sampling="edm",
            sigma_max=1000.0,
            sigma_min=0.001,
        ),
        lambda right: node("DifferentialDiffusion", model=right, strength=1.0),
    ],
    "VAE": [lambda right: node("VAELoader", vae_name="pixel_space")],
    "CLIP": [lambda right: node("CLIPSetLastLayer", clip=right, stop_at_clip_layer=-24)],
    "SIGMAS": [
        lambda right: node(
            "BasicScheduler", model=["model", 0], scheduler="karras", steps=1, denoise=0.0
        ),
        lambda right: node("SplitSigmas", sigmas=right, step=0),
        lambda right: node("SplitSigmas", sigmas=right, step=10000),
        lambda right: node("FlipSigmas", sigmas=right),
        lambda right: node("ManualSigmas", sigmas="3, 3, 3"),
        lambda right: node("ManualSigmas", sigmas=""),
    ],
}
"""Odd but validly typed content, made by stock nodes from the right content."""

OF_STOCK: Workflow = {
    "_repeated": node("RepeatImageBatch", image=["image", 0], amount=2),
    "_empty_latent": node("EmptyLatentImage", width=WIDTH, height=HEIGHT, batch_size=2),
}
"""What some of BY_STOCK are linked to."""

LITERAL: dict[str, list[Any]] = {
    "INT": [math.nan, math.inf, -math.inf, "seven", "3", None, 2**70, -(2**70), 1.7, True, {}],
    "FLOAT": [math.nan, math.inf, -math.inf, "much", "0.5", "nan", None, 1e308, 5e-324, True, {}],
    "BOOLEAN": [math.nan, "no", "", None, 7, {}],
    "STRING": [
        *("", "\ud800", "\udcff a bowl", "\x00\x1b[31m\r\n", "{a|{b", "{concept} {0} %s"),
        *(
            "a" * 5000,
            "(a:1e999)",
            "(((((",
            "embedding:nothing",
            "日本語 🍐",
            math.nan,
            None,
            7,
            {},
        ),
    ],
    "COMBO": [
        "misspelt",
        "\ud800",
        "\x00\x1b[31m",
        "",
        "../../etc",
        "日本語",
        math.nan,
        None,
        7,
        {},
    ],
    DYNAMIC: ["misspelt", "\ud800", "\x1b[31m", "", math.nan, None, 7, {}],
}
"""Odd values for widgets, as a program may write them."""


@dataclass
class Fuzzed:
    """A workflow and what is wrong with it.

    node_type: of the node "under_test".  factors: what is wrong, in words.  as_editor: whether to
    queue it as the editor does, which wants previews.
    """

    seed: int
    node_type: str
    workflow: Workflow
    factors: list[str]
    as_editor: bool


def own_nodes(info: Info) -> list[str]:
    module = f"custom_nodes.{PACK_FOLDER}"
    return sorted(name for name, one in info.items() if one["python_module"] == module)


def fuzzed(seed: int, info: Info) -> Fuzzed:
    """The prompt of a seed; the same for the same nodes."""
    rng = random.Random(seed)
    names = own_nodes(info)
    weights = [1 + len(inputs_of(info[name])) for name in names]
    (name,) = rng.choices(names, weights)
    workflow = right_prompt(name, info, rng)
    count = rng.choice([1, 1, 1, 2, 2, 3, 4])
    right = dict(workflow["under_test"]["inputs"])
    factors = [_distort(rng, workflow, right, info[name], number) for number in range(count)]
    return Fuzzed(seed, name, _reachable(workflow), factors, rng.random() < 0.5)


def right_prompt(name: str, info: Info, rng: random.Random | None = None) -> Workflow:
    """A prompt for a node with which nothing is wrong; a random number generator leaves out some
    optional inputs.
    """
    inputs: dict[str, Any] = {}
    for input_name, (type_, options, required) in inputs_of(info[name]).items():
        if not required and rng and rng.random() < 0.4:
            continue
        inputs |= _right_values(name, input_name, type_, options)
    outputs = info[name]["output"][:4]
    look = node("LookAt", types=",".join(outputs))
    look["inputs"] |= {f"value_{slot}": ["under_test", slot] for slot in range(len(outputs))}
    workflow = copy.deepcopy(SURROUNDINGS | OF_STOCK)
    workflow |= {"under_test": node(name, **inputs), "look": look}
    return _reachable(workflow) if rng is None else workflow


def inputs_of(one: dict[str, Any]) -> dict[str, tuple[str, dict[str, Any], bool]]:
    """The inputs of a node of /object_info: {name: (type, options, whether it is required)}."""
    found = {}
    for kind in ("required", "optional"):
        for name, (type_, *options) in one["input"].get(kind, {}).items():
            found[name] = (type_, options[0] if options else {}, kind == "required")
    return found


def _right_values(node_type: str, name: str, type_: str, options: dict[str, Any]) -> dict[str, Any]:
    """What to write for an input, and for those that it opens."""
    if type_ == "LATENT" and node_type in NEED_A_TRAJECTORY:
        return {name: ["trajectory", 0]}
    if type_ in RIGHT:
        link = BY_NAME.get(name, RIGHT[type_]) if type_ == "CONDITIONING" else RIGHT[type_]
        return {name: list(link)}
    if type_ == DYNAMIC:
        option = options["options"][-1]  # the one with the most
        values = {name: option["key"]}
        for inner, (inner_type, inner_options, _) in inputs_of({"input": option["inputs"]}).items():
            values |= _right_values(node_type, f"{name}.{inner}", inner_type, inner_options)
        return values
    if type_ == "COMBO":
        installed = SURROUNDINGS["language_model"], SURROUNDINGS["caption_model"]
        for loader in installed:
            if loader["class_type"] == node_type:
                return {name: loader["inputs"]["model"]}
        return {name: options.get("default", options["options"][0])}
    default = options.get("default", TEXT if type_ == "STRING" else None)
    if name in CHEAP:
        return {name: min(default, CHEAP[name])}
    return {name: default or TEXT if type_ == "STRING" else default}


def _distort(
    rng: random.Random,
    workflow: Workflow,
    right_inputs: dict[str, Any],
    one: dict[str, Any],
    number: int,
) -> str:
    """Make one input of the node under test odd; returns what was done, in words.

    right_inputs: those of the right prompt.  one: what /object_info says of the node.
    """
    inputs = workflow["under_test"]["inputs"]
    specified = inputs_of(one)
    types = {input_name: type_ for input_name, (type_, *_) in specified.items()}
    for opened in right_inputs.keys() - types.keys():  # by a choice
        value = right_inputs[opened]
        types[opened] = "BOOLEAN" if isinstance(value, bool) else "FLOAT"
    if not types or rng.random() < 0.02:
        inputs["nonsense"] = rng.choice([7, "\ud800", ["model", 0], None])
        return "an extra input"
    target = rng.choice(sorted(types))
    type_ = types[target]
    way = rng.choices(*zip(*_ways(type_, specified.get(target)), strict=True))[0]
    new_id = f"odd_{number}"
    right = right_inputs.get(target)
    if way == "missing":
        inputs.pop(target, None)
        return f"{target}: missing"
    if way == "literal":
        inputs[target] = rng.choice(LITERAL.get(type_, [7, "a text", None, {}]))
        return f"{target}: {_shown(inputs[target])}"
    if way == "range":
        options = specified[target][1]
        inputs[target] = rng.choice(options.get("options") or _edges(target, options))
        return f"{target}: {_shown(inputs[target])}"
    if way == "nowhere":
        inputs[target] = rng.choice([["nobody", 0], ["model", 17], ["model", -1], ["model"], []])
        return f"{target}: linked to {inputs[target]}"
    if way == "other type":
        other = rng.choice(sorted(RIGHT))
        workflow[new_id] = node("OddValue", type="*", name="right", salt="", right=RIGHT[other])
        inputs[target] = [new_id, SEVERAL.index("*")]
        return f"{target}: a {other}, by a wildcard"
    if way == "stock":
        made = rng.choice(BY_STOCK[type_])(right or RIGHT[type_])
        workflow[new_id] = made
        inputs[target] = [new_id, 0]
        settings = {key: one for key, one in made["inputs"].items() if not isinstance(one, list)}
        return f"{target}: {made['class_type']} {_shown(settings)}"
    odd = rng.choice([one for one in odd_names(type_) if not _endless(target, one)])
    workflow[new_id] = node("OddValue", type=type_, name=odd, salt="")
    if isinstance(right, list):
        workflow[new_id]["inputs"]["right"] = right
    elif type_ in RIGHT:
        workflow[new_id]["inputs"]["right"] = RIGHT[type_]
    inputs[target] = [new_id, SEVERAL.index(type_)]
    return f"{target}: {odd}, linked"


def _ways(type_: str, specified: Any) -> list[tuple[str, float]]:
    """The ways to distort an input, and how often to take each."""
    if type_ in RIGHT:
        ways = [("odd", 6.0), ("other type", 1.0), ("missing", 0.3), ("literal", 0.3)]
        return [*ways, ("nowhere", 0.2), *([("stock", 3.0)] if type_ in BY_STOCK else [])]
    ways = [("odd", 4.0), ("literal", 2.5), ("other type", 0.5), ("missing", 0.5)]
    has_range = type_ == "COMBO" or specified and "min" in specified[1]
    return [*ways, *([("range", 2.0)] if has_range else [])]


def _edges(name: str, options: dict[str, Any]) -> list[Any]:
    """Numbers at both ends of a widget's range, and beyond."""
    step = options.get("step", 1)
    low, high = options["min"], options["max"]
    edges = [low, low - step, high + step]
    return edges if name in CHEAP else [*edges, high]


def _endless(name: str, odd: str) -> bool:
    """Whether that value would take for ever in the place of a widget that costs time, if nobody
    checked it.
    """
    return name in CHEAP and odd in ("2**70", "1e308")


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]


def _reachable(workflow: Workflow) -> Workflow:
    """The part of a workflow that "look" and the node under test need."""
    wanted, found = ["under_test", "look"], {}
    while wanted:
        name = wanted.pop()
        if name in found or name not in workflow:
            continue
        found[name] = workflow[name]
        for value in workflow[name]["inputs"].values():
            if isinstance(value, list) and value and isinstance(value[0], str):
                wanted.append(value[0])
    return found
