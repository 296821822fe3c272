"""Language and caption models from folders: the list, the checks, the memory."""

import json
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.language_models import save_blip, save_llama, save_t5
from tests.one_sentence import assert_one_sentence


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Whole folders, to copy from."""
    folder = tmp_path_factory.mktemp("saved")
    save_t5(folder / "t5")
    save_llama(folder / "llama")
    save_blip(folder / "blip")
    return folder


@pytest.fixture
def models(nodes, tmp_path, monkeypatch) -> Path:
    """An empty models/LLM."""
    import folder_paths

    folder = tmp_path / "LLM"
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "LLM", ([str(folder)], set()))
    return folder


def options(node) -> list[str]:
    """What the model widget offers."""
    (widget,) = node.define_schema().inputs
    return widget.options


def write(nodes, loaded) -> str:
    (language_model,) = loaded.result
    sampling = {"count": 2, "temperature": 1.0, "top_k": 10, "max_tokens": 8, "seed": 0}
    return nodes.DiffEditConceptPrompts.execute(
        language_model=language_model, concept="bowl", instruction="{concept}", **sampling
    ).args[0]


def test_each_list_has_the_models_of_its_kind(nodes, models, saved, tmp_path):
    import folder_paths

    elsewhere = tmp_path / "elsewhere"
    folder_paths.add_model_folder_path("LLM", str(elsewhere))  # as extra_model_paths.yaml does
    shutil.copytree(saved / "t5", models / "flan")
    shutil.copytree(saved / "t5", models / "flan" / "onnx")
    shutil.copytree(saved / "blip", models / "Salesforce" / "blip")
    shutil.copytree(saved / "llama", elsewhere / "llama")
    (models / "notes.txt").write_text("no folder")
    language, caption = (
        options(nodes.DiffEditLanguageModelLoader),
        options(nodes.DiffEditCaptionModelLoader),
    )
    assert language == ["flan", "llama"]
    assert caption == ["Salesforce/blip"]
    write(nodes, nodes.DiffEditLanguageModelLoader.execute("llama"))


@pytest.mark.parametrize(
    "config",
    ['{"model_type": []}', '{"model_type": null}', "[]", "{", "[" * 100_000, " " * 2**21, None],
)
def test_an_odd_folder_leaves_the_others_in_the_list(nodes, models, saved, config):
    shutil.copytree(saved / "t5", models / "flan")
    (models / "odd").mkdir()
    if config is None:
        (models / "odd" / "config.json").mkdir()
    else:
        (models / "odd" / "config.json").write_text(config)
    assert options(nodes.DiffEditLanguageModelLoader)[0] == "flan"
    assert "odd" not in options(nodes.DiffEditLanguageModelLoader)
    with pytest.raises(ValueError, match=r"^model: .*odd/config\.json is no readable JSON .*\.$"):
        nodes.DiffEditLanguageModelLoader.execute("odd")


def test_a_locked_folder_leaves_the_others_in_the_list(nodes, models, saved, monkeypatch):
    shutil.copytree(saved / "t5", models / "flan")
    shutil.copytree(saved / "t5", models / "a locked one")

    def locked(function):
        def guarded(path, *args, **options):
            if "a locked one" in str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return function(path, *args, **options)

        return guarded

    for name in ("stat", "lstat", "scandir"):
        monkeypatch.setattr(os, name, locked(getattr(os, name)))
    assert options(nodes.DiffEditLanguageModelLoader)[0] == "flan"


@pytest.mark.parametrize(
    ("architecture", "listed"),
    [
        *((name, True) for name in ("T5ForConditionalGeneration", "BartForConditionalGeneration")),
        *((name, True) for name in ("LlamaForCausalLM", "Qwen2ForCausalLM", "GPT2LMHeadModel")),
        *(
            (name, False)
            for name in ("BertForMaskedLM", "RobertaModel", "VisionEncoderDecoderModel")
        ),
        *((name, False) for name in ("SeamlessM4Tv2Model", 7, None)),
    ],
)
def test_only_what_writes_text_is_listed(nodes, models, architecture, listed):
    """As the config.json on the Hub have it."""
    (models / "some").mkdir(parents=True)
    config = {"model_type": "some", "architectures": [architecture]}
    (models / "some" / "config.json").write_text(json.dumps(config))
    assert ("some" in options(nodes.DiffEditLanguageModelLoader)) == listed


@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
@pytest.mark.parametrize(
    "architecture",
    ["WhisperForConditionalGeneration", "GitForCausalLM", "MusicgenForConditionalGeneration"],
)
def test_what_takes_more_than_text_is_no_language_model(nodes, models, architecture, file):
    (models / "some").mkdir(parents=True)
    config = {"model_type": "some", "architectures": [architecture]}
    (models / "some" / "config.json").write_text(json.dumps(config))
    (models / "some" / file).write_text("{}")
    assert "some" not in options(nodes.DiffEditLanguageModelLoader)
    assert "some" not in options(nodes.DiffEditCaptionModelLoader)
    with pytest.raises(ValueError, match="which is no language model that can be used"):
        nodes.DiffEditLanguageModelLoader.execute("some")


@pytest.mark.parametrize(
    ("node", "kind", "repository", "last_file"),
    [
        ("Language", "language model", "google/flan-t5-base", "tokenizer.json"),
        (
            "Caption",
            "BLIP caption model",
            "Salesforce/blip-image-captioning-large",
            "preprocessor_config.json",
        ),
    ],
)
def test_where_none_is_installed_the_error_says_what_to_put_where(
    nodes, models, monkeypatch, node, kind, repository, last_file
):
    def no_network(*args):
        raise AssertionError("nothing may be asked of the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    loader = getattr(nodes, f"DiffEdit{node}ModelLoader")
    (only,) = options(loader)
    with pytest.raises(ValueError) as caught:
        loader.execute(only)
    assert_one_sentence(caught, "model")
    said = str(caught.value)
    assert said.startswith(f"model: there is no {kind} in {models}; ")
    assert "put config.json, model.safetensors, tokenizer.json" in said
    assert f"{last_file} of huggingface.co/{repository} into a folder " in said
    assert said.endswith(f" {repository.split('/')[1]} there.")
    assert not models.exists()


def shard(folder: Path) -> None:
    """Divide the weights into two files with an index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, folder / file, {"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def test_sharded_weights_are_the_same_model(nodes, models, saved):
    shutil.copytree(saved / "t5", models / "whole")
    shutil.copytree(saved / "t5", models / "sharded")
    shard(models / "sharded")
    whole, sharded = (
        write(nodes, nodes.DiffEditLanguageModelLoader.execute(name))
        for name in ("whole", "sharded")
    )
    assert whole == sharded


def without(name: str):
    return lambda folder: (folder / name).unlink()


def only_pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def nonsense(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"this is no safetensors file")


def shard_missing(folder: Path) -> None:
    shard(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()


def broken_index(folder: Path) -> None:
    shard(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": 3}')


def config_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{not json")


def tokenizer_no_json(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{not json")


def half_the_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: weights[name] for name in sorted(weights)[: len(weights) // 2]}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def weights_of_another_size(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    grown = {name: torch.cat([tensor, tensor]) for name, tensor in weights.items()}
    save_file(grown, folder / "model.safetensors", {"format": "pt"})


def quantised(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (folder / "config.json").write_text(json.dumps(config))


def of_another_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "clip"}')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("config.json"), r"there is no .* 'bad' in "),
        (without("model.safetensors"), "holds no weights; put model.safetensors there"),
        (only_pickled, r"pickled \(\.bin\)"),
        (truncated, "bad/model.safetensors is damaged or incomplete"),
        (nonsense, "bad/model.safetensors is damaged or incomplete"),
        (shard_missing, "model-00002-of-00002.safetensors is missing"),
        (broken_index, "model.safetensors.index.json is damaged"),
        (config_no_json, "bad/config.json is no readable JSON with a model_type"),
        (without("tokenizer.json"), "bad lacks tokenizer.json"),
        (tokenizer_no_json, r"bad/tokenizer\.json is no readable JSON object"),
        (half_the_weights, r": \d+ of (T5|Blip)ForConditionalGeneration's tensors are missing"),
        (
            weights_of_another_size,
            r": \d+ of (T5|Blip)ForConditionalGeneration's tensors are missing or of",
        ),
        (quantised, "bad holds a quantised model, which cannot be used here"),
        (of_another_kind, 'holds a model of type "clip", which is no '),
    ],
)
@pytest.mark.parametrize("kind", ["t5", "blip"])
def test_a_bad_folder_is_one_sentence(nodes, models, saved, kind, damage, said):
    shutil.copytree(saved / kind, models / "bad")
    damage(models / "bad")
    loader = nodes.DiffEditLanguageModelLoader if kind == "t5" else nodes.DiffEditCaptionModelLoader
    with pytest.raises(ValueError, match=said) as caught:
        loader.execute("bad")
    message = str(caught.value)
    assert message.startswith("model: ") and message.endswith(".") and "\n" not in message


def test_a_caption_model_needs_its_preprocessor(nodes, models, saved):
    shutil.copytree(saved / "blip", models / "bad")
    for file in (models / "bad").glob("*processor_config.json"):
        file.unlink()
    with pytest.raises(ValueError, match=r"bad lacks preprocessor_config\.json"):
        nodes.DiffEditCaptionModelLoader.execute("bad")


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_bfloat16_is_of_the_weights_alone(nodes, models, saved, monkeypatch, kind):
    import comfy.model_management as management

    monkeypatch.setattr(management, "should_use_bf16", lambda device: True)
    shutil.copytree(saved / kind, models / kind)
    loaded = nodes.DiffEditLanguageModelLoader.execute(kind)
    (language_model,) = loaded.result
    network = language_model.load()
    assert network.lm_head.weight.dtype == torch.bfloat16
    assert {buffer.dtype for buffer in network.buffers()} <= {torch.float32}
    assert bool(list(network.buffers())) == (kind == "llama")
    assert write(nodes, loaded)


def test_loading_draws_no_random_numbers_of_others(nodes, models, saved):
    shutil.copytree(saved / "t5", models / "t5")
    state = torch.get_rng_state()
    nodes.DiffEditLanguageModelLoader.execute("t5")
    assert torch.equal(torch.get_rng_state(), state)


def test_comfyui_loads_and_offloads_the_model(nodes, models, saved):
    import comfy.model_management as management

    shutil.copytree(saved / "t5", models / "t5")
    loaded = nodes.DiffEditLanguageModelLoader.execute("t5")
    (language_model,) = loaded.result

    def is_loaded() -> bool:
        return any(
            entry.model is language_model.patcher for entry in management.current_loaded_models
        )

    assert not is_loaded()
    first = write(nodes, loaded)
    assert is_loaded()
    management.unload_all_models()
    assert not is_loaded()
    assert write(nodes, loaded) == first


@pytest.mark.parametrize("kind", ["t5", "blip"])
def test_without_transformers_the_list_is_there_and_the_run_says_why(
    nodes, models, saved, monkeypatch, kind
):
    shutil.copytree(saved / kind, models / kind)
    loader = nodes.DiffEditLanguageModelLoader
    if kind == "blip":
        loader = nodes.DiffEditCaptionModelLoader
    for module in ("writing", "captioning", "transformers_model", "progress"):
        monkeypatch.delitem(
            sys.modules, f"{nodes.__name__}.language_models.{module}", raising=False
        )
    monkeypatch.setitem(sys.modules, "transformers", None)  # as if it were not installed
    assert options(loader)[0] == kind
    with pytest.raises(ValueError, match=r"install the pack's requirements\.txt") as error:
        loader.execute(kind)
    assert_one_sentence(error, "transformers")
