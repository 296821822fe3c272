"""A small part of `make soak`, on the server of the other tests."""

import pytest

from tests.soak.fuzz import node_info, report
from tests.soak.interrupts import interrupts
from tests.soak.outcomes import FINISHED, is_sentence
from tests.soak.prompts import Fuzzed, fuzzed, node, own_nodes, right_prompt
from tests.soak.queued import run_all
from tools.comfy_server import ComfyServer

SEEDS = range(100)


@pytest.fixture(autouse=True)
def models(language_models):
    """The prompts name them."""


def test_a_right_prompt_of_every_node_finishes(comfy: ComfyServer):
    info = node_info(comfy)
    right = [Fuzzed(0, name, right_prompt(name, info), [], True) for name in own_nodes(info)]
    for prompt, outcome in zip(right, run_all(comfy, right), strict=True):
        assert outcome.kind == FINISHED and not outcome.problems, prompt.node_type


def test_odd_prompts(comfy: ComfyServer):
    info = node_info(comfy)
    prompts = [fuzzed(seed, info) for seed in SEEDS]
    found = report(prompts, run_all(comfy, prompts))
    assert found["executed"] > len(SEEDS) / 2
    for count in ("raw", "crashes", "hangs", "wrong"):
        assert found[count] == 0, [one["text"] for one in found[f"{count} texts"]]


def test_interrupted_edits(comfy: ComfyServer):
    found = interrupts(comfy, 4)
    assert found["runs"] == 4
    assert all(one["evaluations"] <= 1 for one in found["late"])  # whatever the machine is doing
    assert not found["different"]


def test_a_prompt_depends_on_its_seed_alone(comfy: ComfyServer):
    info = node_info(comfy)
    assert fuzzed(7, info) == fuzzed(7, info)
    assert fuzzed(7, info) != fuzzed(8, info)


def test_the_look_finds_what_is_no_number(comfy: ComfyServer):
    odd = node("OddValue", type="IMAGE", name="all NaN", salt="", right=["picture", 0])
    picture = node("EmptyImage", width=8, height=8, batch_size=1, color=0)
    look = node("LookAt", types="IMAGE", value_0=["odd", 0])
    prompt = Fuzzed(0, "", {"odd": odd, "picture": picture, "look": look}, [], False)
    (outcome,) = run_all(comfy, [prompt])
    assert outcome.problems == ["IMAGE: not finite"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mask: it contains NaN values; look at the node that made it.", True),
        ("recipe.spread: it is missing; write a number.", True),
        ("'NoneType' object has no attribute 'model'", False),
        ("mask: it is empty.\nTraceback; see above.", False),
        ("OpenCV(4.13.0) smooth.dispatch.cpp:293: error: (-215:Assertion failed) ksize", False),
    ],
)
def test_what_a_sentence_is(text: str, expected: bool):
    assert is_sentence(text) == expected
