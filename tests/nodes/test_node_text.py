import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def shown(monkeypatch) -> list:
    """What reaches the editor: pairs of a text and the id of the node that it is on."""
    texts: list = []
    instance = SimpleNamespace(send_progress_text=lambda *args: texts.append(args))
    server = SimpleNamespace(PromptServer=SimpleNamespace(instance=instance))
    monkeypatch.setitem(sys.modules, "server", server)
    return texts


def test_an_inversion_tells_the_editor_what_it_took(nodes, stages, latent, shown, monkeypatch):
    monkeypatch.setattr(nodes.DDIMInvert, "hidden", SimpleNamespace(unique_id="7"))
    stages.invert(latent, iterations=2)
    ((text, node_id),) = shown
    assert text.startswith("4 steps, 16 model evaluations, residual 0.")
    assert node_id == "7"


def test_without_an_editor_nothing_is_told(stages, latent, shown):
    stages.invert(latent)
    assert not shown


@pytest.fixture
def said(nodes, find_mask, latent, shown, monkeypatch):
    """What DiffEdit Mask says of itself."""
    hidden = SimpleNamespace(unique_id="7", prompt=None, extra_pnginfo=None)
    monkeypatch.setattr(nodes.DiffEditMask, "hidden", hidden)

    def run(**inputs) -> str:
        find_mask(latent, **inputs)
        return shown[-1][0]

    return run


def test_equal_prompts_are_said(said, prompts):
    assert "the same" not in said()
    assert "source and target say the same" in said(target=prompts.source)


def test_a_map_without_a_difference_is_said(said, prompts, demo):
    """Different prompts, which this model takes for the same."""
    model = demo.model.clone()
    model.set_model_unet_function_wrapper(lambda apply_model, call: 0 * call["input"])
    assert "nothing found" in said(model=model)
