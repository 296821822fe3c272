"""The demo model's parts: Stable Diffusion 1's own classes at small widths."""

from __future__ import annotations

import json
from pathlib import Path

from diffusers import AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, models, trainers
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from .render import SIZE

FACTOR = 8
TEXT_WIDTH = 96
TOKENS = 32
HEADS = 4
LATENT_CONTRAST = 4.0


def vae() -> AutoencoderTiny:
    """TAESD's own architecture, started as a plain shrinking and enlarging of the picture.

    Three channels carry the mean colour of each cell through all layers, and training adds to them.
    From a random start it spends most of its time on finding colour at all.
    """
    vae = AutoencoderTiny()
    for layer in [*vae.encoder.layers, *vae.decoder.layers]:
        last = layer.conv[-1] if hasattr(layer, "conv") else layer
        if not isinstance(last, nn.Conv2d):
            continue
        last.weight.data[:3] *= 0.01
        if last.bias is not None:
            last.bias.data[:3] = 0
        if last is layer:
            taps = (slice(1, 3), slice(1, 3), 0.25) if layer.stride[0] == 2 else (1, 1, 1.0)
            for channel in range(3):
                last.weight.data[channel, channel, taps[0], taps[1]] = taps[2]
    # The picture is in 0..1 inside the network, the latent around 0.
    into, out = vae.encoder.layers[-1], vae.decoder.layers[0]
    into.weight.data[:3] *= LATENT_CONTRAST
    into.bias.data[:3] = -0.5 * LATENT_CONTRAST
    out.weight.data[:3] /= LATENT_CONTRAST
    out.bias.data[:3] = 0.5
    return vae


def unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIZE // FACTOR,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        attention_head_dim=HEADS,  # diffusers' historical name for the number of heads
        cross_attention_dim=TEXT_WIDTH,
    )


def text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            max_position_embeddings=TOKENS,
            projection_dim=TEXT_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def scheduler() -> DDIMScheduler:
    """Stable Diffusion 1's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def write_tokenizer(folder: Path, captions: list[str]) -> CLIPTokenizer:
    """Train CLIP's kind of byte-pair encoding on the captions.

    Their words become single tokens, and any other text still splits into bytes.
    """
    bytes_alphabet = _byte_characters()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        initial_alphabet=bytes_alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    bpe.train_from_iterator(sorted({word for text in captions for word in text.split()}), trainer)
    merges = json.loads(bpe.to_str())["model"]["merges"]
    singles = [*bytes_alphabet, *(character + "</w>" for character in bytes_alphabet)]
    tokens = dict.fromkeys([*singles, *("".join(pair) for pair in merges)])
    vocabulary = [*tokens, "<|startoftext|>", "<|endoftext|>"]

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(vocabulary)}))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    # One from an earlier training would be taken in the place of these two, and contradict them.
    (folder / "tokenizer.json").unlink(missing_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _byte_characters() -> list[str]:
    """The printable stand-ins of the 256 bytes that GPT-2 and CLIP tokenizers use."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
