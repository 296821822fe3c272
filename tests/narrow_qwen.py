"""A text encoder that writes, small: Qwen3.5 2B with all its parts, but narrow.

ComfyUI tells the model by its file and then takes the widths that it knows; the code here, which a
test server runs as a pack, tells it others.
"""

from pathlib import Path

import torch

from tools.comfy_server import COMFYUI

FILE = "qwen3.5_2b_bf16.safetensors"
SENTENCE = "a blue bowl of oranges on a wooden table"

WIDTHS = {
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "linear_num_key_heads": 1,
    "linear_num_value_heads": 1,
}
VISION_WIDTHS = {"hidden_size": 32, "intermediate_size": 32, "num_heads": 1, "depth": 1}

CODE = f"""
from comfy.text_encoders.qwen35 import QWEN35_MODELS

QWEN35_MODELS["qwen35_2b"] = {dict(WIDTHS, vision=VISION_WIDTHS)}
NODE_CLASS_MAPPINGS = {{}}
"""


def save_narrow_qwen(folder: Path) -> None:
    """Save one that answers everything with SENTENCE.

    All weights but the embeddings are 0, so that each token alone decides which one is next: the
    one whose embedding goes furthest its way, which is a longer one that shares a dimension.
    """
    from safetensors.torch import save_file
    from transformers import Qwen2Tokenizer, Qwen3_5Config, Qwen3_5ForConditionalGeneration

    vision = dict(VISION_WIDTHS, out_hidden_size=WIDTHS["hidden_size"])
    config = Qwen3_5Config(text_config=WIDTHS, vision_config=vision, tie_word_embeddings=True)
    with torch.device("meta"):
        tensors = Qwen3_5ForConditionalGeneration(config).state_dict()
    del tensors["lm_head.weight"]  # the embeddings once more
    weights = {name: torch.zeros(one.shape, dtype=torch.bfloat16) for name, one in tensors.items()}

    tokenizer = Qwen2Tokenizer.from_pretrained(COMFYUI / "comfy/text_encoders/qwen35_tokenizer")
    last_of_request = tokenizer("</think>\n")["input_ids"][-1]
    chain = [last_of_request, *tokenizer(f"{SENTENCE}<|im_end|>")["input_ids"]]
    assert len(set(chain)) == len(chain) < WIDTHS["hidden_size"]
    embeddings = weights["model.language_model.embed_tokens.weight"]
    for place, token in enumerate(chain):
        embeddings[token, place : place + 2] = 2.5**place

    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / FILE, {"format": "pt"})
