"""Prompt Ensemble against the stock CLIP Text Encode, for the CLIPs of several model families."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.one_sentence import assert_one_sentence
from tools.executor import comfyui_nodes

FRUITS = ["a bowl of apples", "apples in a (blue:1.4) bowl", "some apples, piled up in a bowl"]


@pytest.fixture
def text_encoders(nodes) -> ModuleType:
    from tests.nodes import small_text_encoders  # needs ComfyUI, which `nodes` has imported

    return small_text_encoders


@pytest.fixture(params=["demo", "sd1_clip", "sdxl_clip"])
def clip(request, demo, text_encoders) -> Any:
    return demo.clip if request.param == "demo" else getattr(text_encoders, request.param)()


@pytest.fixture
def average(nodes) -> Callable[[Any, str], list[Any]]:
    execute = nodes.DiffEditPromptEnsemble.execute
    return lambda clip, text: execute(clip=clip, text=text).result[0]


def stock(clip: Any, text: str) -> list[Any]:
    return comfyui_nodes().CLIPTextEncode().encode(clip, text)[0]


def assert_close(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other)
    for (context, options), (context_2, options_2) in zip(one, other, strict=True):
        torch.testing.assert_close(context, context_2)
        torch.testing.assert_close(options["pooled_output"], options_2["pooled_output"])
        assert options.keys() == options_2.keys()


def test_the_mean_of_what_the_stock_node_makes_of_each_line(clip, average):
    ((context, options),) = average(clip, "\n".join(FRUITS))
    each = [stock(clip, line)[0] for line in FRUITS]
    expected = sum(one for one, _ in each) / 3
    pooled = sum(option["pooled_output"] for _, option in each) / 3
    assert_close([[context, options]], [[expected, {"pooled_output": pooled}]])
    assert (each[0][0] - each[1][0]).abs().max() > 0.01


def test_one_line_is_the_stock_node(clip, average):
    assert_close(average(clip, FRUITS[1]), stock(clip, FRUITS[1]))


@pytest.mark.parametrize("text", ["", "\n \n\t\n"])
def test_no_line_is_the_empty_prompt(clip, average, text):
    assert_close(average(clip, text), stock(clip, ""))


def test_empty_lines_do_not_count(clip, average):
    assert_close(average(clip, "\n a bowl \r\n\n apples\n"), average(clip, "a bowl\napples"))


def test_a_long_line_among_short_ones(clip, average):
    """The short line counts as if a second chunk followed it that says nothing."""
    long = "apple " * 120
    ((context, options),) = average(clip, f"a bowl\n{long}")
    (short, short_options), (whole, whole_options) = stock(clip, "a bowl")[0], stock(clip, long)[0]
    chunks = whole.shape[1] // short.shape[1]
    filled = torch.cat([short, *[stock(clip, "")[0][0]] * (chunks - 1)], dim=1)
    assert chunks > 1
    torch.testing.assert_close(context, (filled + whole) / 2)
    mean = (short_options["pooled_output"] + whole_options["pooled_output"]) / 2
    torch.testing.assert_close(options["pooled_output"], mean)


def test_the_short_line_is_filled_as_comfyui_fills_the_shorter_encoder(text_encoders, average):
    """CLIP Text Encode SDXL takes a text for each of its two encoders."""
    from comfy_extras.nodes_clip_sdxl import CLIPTextEncodeSDXL

    clip = text_encoders.sdxl_clip()
    long = "apple " * 120
    size = {"width": 64, "height": 64, "crop_w": 0, "crop_h": 0}
    size |= {"target_width": 64, "target_height": 64}
    encoded = CLIPTextEncodeSDXL.execute(clip, **size, text_g=long, text_l="a bowl").result[0]
    ours = average(clip, f"a bowl\n{long}")
    whole = stock(clip, long)
    of_the_short_line = 2 * ours[0][0] - whole[0][0]
    of_clip_l = np.s_[..., : text_encoders.CLIP_L_OF_SDXL]
    expected = encoded[0][0][of_clip_l]
    torch.testing.assert_close(of_the_short_line[of_clip_l], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "text",
    ["apple " * 5000, "\n".join(f"{n} apples" for n in range(500)), "🍎🍏\n🙂", "تفاح أحمر\nתפוח"],
    ids=["5,000 words", "500 lines", "emoji", "right to left"],
)
def test_texts_of_any_kind(text_encoders, average, text):
    ((context, _),) = average(text_encoders.sd1_clip(), text)
    assert context.isfinite().all()


def test_each_entry_of_a_schedule_is_averaged(text_encoders, average):
    """Hooks that change the CLIP half-way give a prompt an entry for either half."""
    import comfy.hooks
    from comfy_extras.nodes_hooks import SetClipHooks

    clip = text_encoders.sd1_clip()
    weights = clip.patcher.model_state_dict()
    bias = next(name for name in weights if name.endswith("final_layer_norm.bias"))
    hooks = comfy.hooks.create_hook_model_as_lora(None, {bias: weights[bias] + 1}, 1.0, 1.0)
    keyframes = comfy.hooks.HookKeyframeGroup()
    keyframes.add(comfy.hooks.HookKeyframe(strength=0.0, start_percent=0.0))
    keyframes.add(comfy.hooks.HookKeyframe(strength=1.0, start_percent=0.5))
    hooks.set_keyframes_on_hooks(keyframes)
    (hooked,) = SetClipHooks().apply_hooks(clip, True, False, hooks)

    first, second = average(hooked, "a bowl\napples")
    assert (second[0] - first[0]).abs().max() > 0.1
    each = [stock(hooked, text) for text in ("a bowl", "apples")]
    for half, entry in enumerate((first, second)):
        torch.testing.assert_close(entry[0], sum(one[half][0] for one in each) / 2)
        for key in ("clip_start_percent", "clip_end_percent"):
            assert entry[1][key] == each[0][half][1][key]


def test_lines_whose_embeddings_differ_in_length(text_encoders, average):
    clip = text_encoders.sd3_clip()
    assert_close(average(clip, "a bowl\na bowl"), stock(clip, "a bowl"))
    with pytest.raises(ValueError, match=r"^text: .*differ in length;.*\.$"):
        average(clip, "a bowl\n" + "apple " * 120)


class Told:
    """A text encoder that gives each line the options it was told."""

    def __init__(self, options: dict[str, dict[str, Any]]):
        self.options = options

    def tokenize(self, line: str) -> dict[str, list[str]]:
        return {"encoder": [line]}

    def encode_from_tokens_scheduled(self, tokens: dict[str, list[str]]) -> list[Any]:
        return [[torch.ones(1, 3, 2), self.options[tokens["encoder"][0]]]]


def test_all_parts_of_the_conditioning_are_averaged(average):
    """The mask covers what any line attends to; what is no number is the first line's."""
    options = {
        line: {
            "attention_mask": torch.tensor([mask]),
            "conditioning_llama3": torch.full((1, 2, 2), value),
            "hooks": line,
        }
        for line, mask, value in (("a", [1, 1, 0], 1.0), ("b", [1, 0, 0], 4.0))
    }
    for order in ("a\nb", "b\na"):
        ((_, found),) = average(Told({**options, "": {}}), order)
        assert found["attention_mask"].tolist() == [[1, 1, 0]]
        assert found["conditioning_llama3"].unique().tolist() == [2.5]
        assert found["hooks"] == order[0]


def test_parts_without_an_average(average):
    options = {line: {"t5xxl_ids": torch.tensor([ids])} for line, ids in (("a", [1]), ("b", [2]))}
    with pytest.raises(ValueError, match=r"^text: .*t5xxl_ids.*\.$"):
        average(Told({**options, "": {}}), "a\nb")


def test_a_checkpoint_without_a_text_encoder(average):
    with pytest.raises(ValueError, match=r"^clip: .*\.$"):
        average(None, "a bowl")


def test_a_weight_beyond_all_numbers(demo, average):
    with pytest.raises(ValueError, match="NaN or infinite") as error:
        average(demo.clip, "a (bowl:1e999)\nan apple")
    assert_one_sentence(error, "text")
