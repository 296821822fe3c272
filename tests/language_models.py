"""Small language and caption models of transformers' real classes, random, saved as the Hub does.

What they write means nothing, but it depends on what they are given.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

WORDS = (
    "a an the photograph picture of bowl basket red green blue apples pears oranges fruits on in "
    "wooden table provide caption for images containing captions should be english and no longer "
    "than 150 characters cat dog <think> user assistant"
)

# Above the usual 0.02, so that what a random model writes depends on its input.
INITIALIZER_RANGE = 0.25


def save_t5(folder: Path) -> Path:
    """A model of Flan-T5's kind; returns its folder."""
    torch.manual_seed(0)
    tokenizer = _word_tokenizer(model_max_length=64)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        feed_forward_proj="gated-gelu",
        initializer_factor=INITIALIZER_RANGE,
    )
    network = T5ForConditionalGeneration(config)
    for block in network.decoder.block:  # which would else go its own way
        block.layer[1].EncDecAttention.o.weight.data *= 50
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_llama(folder: Path, chat_template: str | None = None) -> Path:
    """A model that goes on from what it is given; returns its folder."""
    torch.manual_seed(0)
    tokenizer = _word_tokenizer()
    tokenizer.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=INITIALIZER_RANGE,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_blip(folder: Path) -> Path:
    """A model that captions pictures; returns its folder."""
    torch.manual_seed(0)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS.split()])}
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    small |= {"num_attention_heads": 2, "initializer_range": INITIALIZER_RANGE}
    config = BlipConfig(
        text_config={
            **small,
            "vocab_size": len(vocabulary) + 1,
            "encoder_hidden_size": 32,
            "max_position_embeddings": 64,
            "bos_token_id": len(vocabulary),  # unknown to the tokenizer, as in BLIP's own
            "pad_token_id": vocabulary["[PAD]"],
            "eos_token_id": vocabulary["[CLS]"],
            "sep_token_id": vocabulary["[SEP]"],
        },
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    image_processor = BlipImageProcessor(size={"height": 32, "width": 32})
    BlipProcessor(image_processor, tokenizer).save_pretrained(folder)
    (folder / "vocab.txt").unlink()  # tokenizer.json says it all
    return folder


def _word_tokenizer(**options) -> PreTrainedTokenizerFast:
    vocabulary = {
        word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS.split()])
    }
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        **options,
    )
