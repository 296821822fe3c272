"""Whatever comes in by a link: the right result, or one sentence that names the input."""

import asyncio
import io as text_io
import sys
import traceback
from typing import Any

import numpy as np
import pytest
import torch

from tests.one_sentence import assert_one_sentence
from tools.in_process import NAME


@pytest.fixture(scope="module")
def inputs(nodes):
    return sys.modules[f"{NAME}.nodes.adapter.inputs"]


@pytest.fixture(scope="module")
def every_node(nodes) -> list[Any]:
    return asyncio.run(nodes.DiffEditExtension().get_node_list())


def declared(kind: str, name: str = "thing", **options: Any):
    from comfy_api.latest import io

    classes = {"INT": io.Int, "FLOAT": io.Float, "COMBO": io.Combo, "STRING": io.String}
    return (classes.get(kind) or io.Custom(kind)).Input(name, **options)


@pytest.fixture
def refusal(inputs):
    """What is said of a value for an input of a kind."""

    def run(kind: str, value: Any, **options: Any) -> str:
        with pytest.raises(ValueError) as error:
            inputs.check_inputs([declared(kind, **options)], {"thing": value})
        assert_one_sentence(error, "thing")
        return str(error.value)

    return run


PICTURES = torch.rand(2, 6, 8, 3)
NAN = torch.full((1, 6, 8, 3), torch.nan)
NUMBER = {"min": 1, "max": 100, "default": 5}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("IMAGE", PICTURES[:0], "no picture"),
        ("IMAGE", PICTURES[:, :0], "no picture"),
        ("IMAGE", PICTURES[..., :2], "2 channels"),
        ("IMAGE", torch.rand(1, 6, 8, 5), "5 channels"),
        ("IMAGE", PICTURES[0], "not an IMAGE"),
        ("IMAGE", "a picture", "not an IMAGE"),
        ("IMAGE", NAN, "NaN"),
        ("IMAGE", NAN.nan_to_num(torch.inf), "infinite"),
        ("MASK", torch.ones(0, 6, 8), "no mask"),
        ("MASK", torch.ones(1, 6, 0), "no mask"),
        ("MASK", PICTURES, "not a MASK"),
        ("MASK", NAN[..., 0], "NaN"),
        ("LATENT", {"samples": torch.ones(0, 4, 6, 8)}, "no picture"),
        ("LATENT", {"samples": torch.ones(1, 4, 0, 8)}, "no picture"),
        ("LATENT", {"samples": torch.ones(3, 4, 6, 8), "batch_index": [0, 1]}, "does not number"),
        ("LATENT", {"samples": torch.ones(2, 4, 6, 8), "batch_index": [0, -1]}, "does not number"),
        ("LATENT", {"samples": torch.ones(2, 4, 6, 8), "batch_index": 2}, "does not number"),
        ("LATENT", {"samples": None}, "not a LATENT"),
        ("LATENT", {}, "not a LATENT"),
        ("LATENT", PICTURES, "not a LATENT"),
        ("CONDITIONING", [], "no prompt"),
        ("CONDITIONING", [[torch.ones(1, 0, 96), {}]], "no prompt"),
        ("CONDITIONING", [[torch.full((1, 7, 96), torch.nan), {}]], "NaN"),
        ("CONDITIONING", [torch.ones(1, 7, 96)], "not a CONDITIONING"),
        ("CONDITIONING", "a bowl", "not a CONDITIONING"),
        ("CONDITIONING", [[torch.ones(1, 7, 96), {"mask": None}]], "not a CONDITIONING"),
        ("SIGMAS", torch.ones(3, dtype=torch.complex64), "not a SIGMAS"),
        ("IMAGE", PICTURES.to("meta"), "not an IMAGE"),
        ("SIGMAS", [1.0, 0.0], "not a SIGMAS"),
        ("MODEL", PICTURES, "not a MODEL"),
        ("CLIP", "clip", "not a CLIP"),
        ("VAE", {}, "not a VAE"),
        ("VAE", None, "no VAE"),
        ("CLIP", None, "no CLIP"),
        ("MODEL", None, "no MODEL"),
        ("DIFFEDIT_WINDOW", PICTURES, "not a DIFFEDIT_WINDOW"),
        ("STRING", 5, "not a STRING"),
        ("STRING", "half \ud83c of a flag", "broken in half"),
        ("COMBO", "other", "choose one, two"),
        ("COMBO", PICTURES, "choose one, two"),
    ],
)
def test_odd_content(refusal, kind, value, said):
    options = {"options": ["one", "two"]} if kind == "COMBO" else {}
    assert said in refusal(kind, value, **options)


@pytest.mark.parametrize("kind", ["INT", "FLOAT"])
@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), 0, 101, 10**400, "5", None, PICTURES]
)
def test_numbers_that_are_none_or_out_of_range(refusal, kind, value):
    said = refusal(kind, value, **NUMBER)
    assert "from 1 to 100" in said or value is None


def test_a_vae_that_a_checkpoint_lacks(refusal):
    from comfy.sd import VAE

    assert "has no VAE" in refusal("VAE", VAE(sd={}))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (torch.rand(6, 8), (1, 6, 8)),
        (torch.rand(2, 1, 6, 8), (2, 6, 8)),
        (torch.rand(2, 6, 8, 1), (2, 6, 8)),
        (torch.rand(2, 6, 8).half(), (2, 6, 8)),
    ],
)
def test_masks_of_any_shape_are_taken_for_what_they_are(inputs, given, taken):
    mask = inputs.check_inputs([declared("MASK")], {"thing": given})["thing"]
    assert mask.shape == taken and mask.dtype == torch.float32
    assert torch.equal(mask.flatten(), given.float().flatten())


def test_what_is_not_declared_stays_outside(inputs):
    """ComfyUI passes on links to inputs that there are not."""
    assert inputs.check_inputs([declared("INT", **NUMBER)], {"thing": 5, "else": 6}) == {"thing": 5}


@pytest.mark.parametrize("value", [5, 1, 100, True, np.int64(7)])
def test_numbers_in_range_pass(inputs, value):
    assert inputs.check_inputs([declared("INT", **NUMBER)], {"thing": value})["thing"] == value


def test_open_inputs_stay_open(inputs):
    optional = declared("MASK", optional=True)
    assert inputs.check_inputs([optional], {}) == {}
    assert inputs.check_inputs([optional], {"thing": None}) == {}


def test_the_widgets_of_a_recipe_are_checked(nodes, find_mask, latent):
    recipe = {"recipe": "manual", "spread": 0.1, "clamp": float("nan"), "extremes": 0.5}
    with pytest.raises(ValueError) as error:
        find_mask(latent, recipe={**recipe, "stretch": False, "threshold": 0.5})
    assert_one_sentence(error, "recipe.clamp")


def test_an_area_outside_of_the_picture(find_mask, prompts, latent):
    context, options = prompts.source[0]
    outside = {**options, "area": (8, 8, 512, 512), "strength": 1.0}
    with pytest.raises(ValueError, match="makes no sense") as error:
        find_mask(latent, source=[[context, outside]])
    assert_one_sentence(error, "source")


def test_every_node_checks_its_inputs(inputs, every_node):
    """Each of them refuses a string in the place of its first linked input, and every number that
    is declared has a range.
    """
    from comfy_api.latest import io

    for node in every_node:
        declared_inputs = node.define_schema().inputs
        numbers = [
            one for one in declared_inputs if isinstance(one, (io.Int.Input, io.Float.Input))
        ]
        assert all(one.min is not None and one.max is not None for one in numbers), node
        kinds = {one.get_io_type() for one in declared_inputs if not is_choice(one)}
        assert kinds <= inputs.CHECKS.keys(), node
        widgets = (io.WidgetInput, io.DynamicCombo.Input)
        for one in (one for one in declared_inputs if not isinstance(one, widgets)):
            given = {other.id: None for other in declared_inputs} | {one.id: "odd"}
            with pytest.raises(
                ValueError, match=f"^{declared_inputs[0].id}: there is no |^{one.id}: what"
            ):
                node.execute(**given)


def is_choice(one: Any) -> bool:
    from comfy_api.latest import io

    return isinstance(one, io.DynamicCombo.Input)


@pytest.mark.parametrize(
    ("encoding", "text", "printed"),
    [
        ("utf-8", "a \ud83c half", r"a \ud83c half"),
        ("utf-8", "皿 and ×", "皿 and ×"),
        ("cp1252", "皿 and ×", r"\u76bf and ×"),
        ("ascii", "皿 and ×", r"\u76bf and \xd7"),
    ],
)
def test_errors_are_printable_in_the_logs_encoding(nodes, monkeypatch, encoding, text, printed):
    printable_errors = sys.modules[f"{NAME}.nodes.adapter.printable"].printable_errors
    log = text_io.TextIOWrapper(text_io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", log)
    with pytest.raises(ValueError) as error, printable_errors():
        try:
            raise OSError(text)
        except OSError as cause:
            raise ValueError(f"model: {text}") from cause
    assert str(error.value) == f"model: {printed}"
    traceback.print_exception(error.value, file=log)
    log.flush()
