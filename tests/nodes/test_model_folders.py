"""Language and caption models from folders: the list, the checks, the download, the memory."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.language_models import save_blip, save_llama, save_t5
from tests.nodes.hub import Hub

FLAN = "download google/flan-t5-base (0.99 GB, Apache-2.0)"


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


@pytest.fixture
def hub(saved, tmp_path, monkeypatch, nodes) -> Iterator[Hub]:
    """A Hub whose every repository is the small T5, with files besides that nobody wants."""
    folder = tmp_path / "repository"
    shutil.copytree(saved / "t5", folder)
    (folder / "README.md").write_text("what it is")
    (folder / "pytorch_model.bin").write_bytes(bytes(100))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    # So that the small model arrives in many parts, as a real one does.
    monkeypatch.setattr(nodes.language_models.download, "CHUNK", 4096)
    with Hub(folder).serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def progress(nodes) -> Iterator[list[tuple[int, int]]]:
    """What progress bars were told: (done, in all)."""
    import comfy.utils

    seen: list[tuple[int, int]] = []
    comfy.utils.set_progress_bar_global_hook(
        lambda done, total, preview, node_id: seen.append((done, total))
    )
    yield seen
    comfy.utils.set_progress_bar_global_hook(None)


def options(node) -> list[str]:
    """What the model widget offers."""
    (widget,) = node.define_schema().inputs
    return widget.options


def write(nodes, loaded) -> str:
    (language_model,) = loaded.result
    return nodes.ConceptPrompts.execute(language_model, "bowl", "{concept}", 2, 1.0, 10, 8, 0).args[
        0
    ]


def test_each_list_has_the_models_of_its_kind(nodes, models, saved, tmp_path):
    import folder_paths

    elsewhere = tmp_path / "elsewhere"
    folder_paths.add_model_folder_path("LLM", str(elsewhere))  # as extra_model_paths.yaml does
    shutil.copytree(saved / "t5", models / "flan")
    shutil.copytree(saved / "t5", models / "flan" / "onnx")
    shutil.copytree(saved / "blip", models / "Salesforce" / "blip")
    shutil.copytree(saved / "llama", elsewhere / "llama")
    (models / "notes.txt").write_text("no folder")
    language, caption = options(nodes.LanguageModelLoader), options(nodes.CaptionModelLoader)
    assert [name for name in language if not name.startswith("download ")] == ["flan", "llama"]
    assert [name for name in caption if not name.startswith("download ")] == ["Salesforce/blip"]
    write(nodes, nodes.LanguageModelLoader.execute("llama"))


def test_nothing_is_downloaded_unless_chosen(nodes, models, hub):
    for loader in (nodes.LanguageModelLoader, nodes.CaptionModelLoader):
        default, *others = options(loader)
        assert others and all(other.startswith("download ") for other in others)
        with pytest.raises(ValueError, match=rf"no .*model in {models}; .* config\.json,"):
            loader.execute(default)
    assert not hub.lookups and not models.exists()


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
        write(nodes, nodes.LanguageModelLoader.execute(name)) for name in ("whole", "sharded")
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


def of_another_kind(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "clip"}')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without("config.json"), r'there is no .* "bad" in '),
        (without("model.safetensors"), "holds no weights; put model.safetensors there"),
        (only_pickled, r"pickled \(\.bin\)"),
        (truncated, "bad/model.safetensors is damaged or incomplete"),
        (nonsense, "bad/model.safetensors is damaged or incomplete"),
        (shard_missing, "model-00002-of-00002.safetensors is missing"),
        (broken_index, "model.safetensors.index.json is damaged"),
        (config_no_json, "bad/config.json is not readable JSON"),
        (without("tokenizer.json"), "bad lacks tokenizer.json"),
        (tokenizer_no_json, r"bad cannot be loaded \("),
        (half_the_weights, r": \d+ of (T5|Blip)ForConditionalGeneration's tensors are missing"),
        (
            weights_of_another_size,
            r": \d+ of (T5|Blip)ForConditionalGeneration's tensors are missing or of",
        ),
        (of_another_kind, 'holds a model of type "clip", which is no '),
    ],
)
@pytest.mark.parametrize("kind", ["t5", "blip"])
def test_a_bad_folder_is_one_sentence(nodes, models, saved, kind, damage, said):
    shutil.copytree(saved / kind, models / "bad")
    damage(models / "bad")
    loader = nodes.LanguageModelLoader if kind == "t5" else nodes.CaptionModelLoader
    with pytest.raises(ValueError, match=said) as caught:
        loader.execute("bad")
    message = str(caught.value)
    assert message.startswith("model: ") and message.endswith(".") and "\n" not in message


def test_a_caption_model_needs_its_preprocessor(nodes, models, saved):
    shutil.copytree(saved / "blip", models / "bad")
    without("processor_config.json")(models / "bad")
    with pytest.raises(ValueError, match=r"bad lacks preprocessor_config\.json"):
        nodes.CaptionModelLoader.execute("bad")


def test_a_download_that_breaks_off_goes_on(nodes, models, hub, progress):
    hub.break_at = 20_000
    loaded = nodes.LanguageModelLoader.execute(FLAN)
    weights = [start for file, start in hub.fetched if file == "model.safetensors"]
    assert weights[0] == 0 and len(weights) == 2 and 10_000 < weights[1] <= 20_000
    fetched = {file for file, _ in hub.fetched}
    stored = {path.name for path in (models / "flan-t5-base").iterdir()}
    assert (
        fetched
        == stored
        == {path.name for path in hub.folder.glob("*.*")}
        - {
            "README.md",
            "pytorch_model.bin",
        }
    )
    size = sum(path.stat().st_size for path in (models / "flan-t5-base").iterdir())
    assert progress[-1] == (size, size) and len(progress) > 2
    assert write(nodes, loaded)

    requests_so_far = hub.lookups, len(hub.fetched)
    nodes.LanguageModelLoader.execute(FLAN)
    nodes.LanguageModelLoader.execute("flan-t5-base")
    assert (hub.lookups, len(hub.fetched)) == requests_so_far


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_cancelled_download_goes_on_at_the_next_run(
    nodes, models, hub, monkeypatch, knows_ranges
):
    import comfy.model_management as management

    hub.knows_ranges = knows_ranges

    def cancel_in_the_weights() -> None:
        part = models / "flan-t5-base" / "model.safetensors.part"
        if part.exists() and part.stat().st_size > 10_000:
            raise management.InterruptProcessingException()

    with monkeypatch.context() as patched:
        patched.setattr(
            management, "throw_exception_if_processing_interrupted", cancel_in_the_weights
        )
        with pytest.raises(management.InterruptProcessingException):
            nodes.LanguageModelLoader.execute(FLAN)
    assert "flan-t5-base" not in options(nodes.LanguageModelLoader)
    write(nodes, nodes.LanguageModelLoader.execute(FLAN))
    weights = [start for file, start in hub.fetched if file == "model.safetensors"]
    assert weights[0] == 0 and len(weights) == 2 and weights[1] > 10_000


def test_a_download_shows_size_and_licence(nodes, models, hub, monkeypatch):
    shown = []
    choice = nodes.language_models.choice
    monkeypatch.setattr(choice, "show_text", lambda node, text: shown.append(text))
    nodes.LanguageModelLoader.execute(FLAN)
    assert shown == ["google/flan-t5-base: 0.00 GB, licence apache-2.0"]


def test_what_arrives_damaged_is_not_kept(nodes, models, hub):
    hub.wrong_sha256 = True
    with pytest.raises(ValueError, match=r"^model: .*model\.safetensors arrived damaged.*\.$"):
        nodes.LanguageModelLoader.execute(FLAN)
    assert not list((models / "flan-t5-base").glob("model.*"))


def test_offline_is_one_sentence(nodes, models, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nothing answers
    with pytest.raises(ValueError) as caught:
        nodes.LanguageModelLoader.execute(FLAN)
    assert str(caught.value) == (
        "model: google/flan-t5-base could not be downloaded (ConnectionError); run again to go "
        "on, or put config.json, model.safetensors, tokenizer.json into "
        f"{models / 'flan-t5-base'} yourself."
    )


def test_comfyui_loads_and_offloads_the_model(nodes, models, saved):
    import comfy.model_management as management

    shutil.copytree(saved / "t5", models / "t5")
    loaded = nodes.LanguageModelLoader.execute("t5")
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
