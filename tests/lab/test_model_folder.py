"""What training writes, as any reader of the diffusers layout finds it."""

import json

import pytest
import torch
from safetensors.torch import load_file

from lab.architecture import text_encoder, write_tokenizer
from lab.train import name_as_clip


def test_a_second_training_leaves_no_tokenizer_of_the_first(tmp_path):
    write_tokenizer(tmp_path, ["a bowl of apples on a table"])
    tokenizer = write_tokenizer(tmp_path, ["pears and lemons in a red cup"])
    fast = json.loads((tmp_path / "tokenizer.json").read_text())["model"]
    assert json.loads((tmp_path / "vocab.json").read_text()) == fast["vocab"]
    assert len(tokenizer("pears").input_ids) == 3  # begin, the word, end


@pytest.mark.parametrize("times", [1, 2])
def test_the_text_encoder_has_the_names_of_clip(tmp_path, times):
    from transformers import CLIPTextModel

    tokenizer = write_tokenizer(tmp_path / "tokenizer", ["a bowl of apples on a table"])
    network = text_encoder(tokenizer).cpu().eval()
    network.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    before = load_file(weights)
    for _ in range(times):
        name_as_clip(weights)
    named = load_file(weights)
    assert len(named) == len(before) and all(name.startswith("text_model.") for name in named)
    again, loading = CLIPTextModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    ids = tokenizer("a bowl", return_tensors="pt").input_ids
    with torch.no_grad():
        expected, found = (one.eval()(ids).last_hidden_state for one in (network, again))
    torch.testing.assert_close(found, expected)
