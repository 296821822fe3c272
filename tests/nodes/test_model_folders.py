"""Language and caption models from folders: the list, the checks, the download, the memory."""

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.language_models import save_blip, save_llama, save_t5
from tests.nodes.hub import Hub
from tests.one_sentence import assert_one_sentence

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
    download = importlib.import_module(f"{nodes.__name__}.language_models.download")
    monkeypatch.setattr(download, "CHUNK", 4096)
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
    return nodes.DiffEditConceptPrompts.execute(
        language_model, "bowl", "{concept}", 2, 1.0, 10, 8, 0
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
    assert [name for name in language if not name.startswith("download ")] == ["flan", "llama"]
    assert [name for name in caption if not name.startswith("download ")] == ["Salesforce/blip"]
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


def test_a_download_goes_where_the_tooltip_says(nodes, models):
    for loader in (nodes.DiffEditLanguageModelLoader, nodes.DiffEditCaptionModelLoader):
        (widget,) = loader.define_schema().inputs
        assert f"download into {models}. " in widget.tooltip


def test_nothing_is_downloaded_unless_chosen(nodes, models, hub):
    for loader in (nodes.DiffEditLanguageModelLoader, nodes.DiffEditCaptionModelLoader):
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
        (without("config.json"), r'there is no .* "bad" in '),
        (without("model.safetensors"), "holds no weights; put model.safetensors there"),
        (only_pickled, r"pickled \(\.bin\)"),
        (truncated, "bad/model.safetensors is damaged or incomplete"),
        (nonsense, "bad/model.safetensors is damaged or incomplete"),
        (shard_missing, "model-00002-of-00002.safetensors is missing"),
        (broken_index, "model.safetensors.index.json is damaged"),
        (config_no_json, "bad/config.json is no readable JSON with a model_type"),
        (without("tokenizer.json"), "bad lacks tokenizer.json"),
        (tokenizer_no_json, r"bad cannot be loaded \("),
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


def test_a_download_that_breaks_off_goes_on(nodes, models, hub, progress):
    hub.break_at = 20_000
    loaded = nodes.DiffEditLanguageModelLoader.execute(FLAN)
    weights = [start for file, start in hub.fetched if file == "model.safetensors"]
    assert weights[0] == 0 and len(weights) == 2 and 10_000 < weights[1] <= 20_000
    fetched = {file for file, _ in hub.fetched}
    stored = {path.name for path in (models / "flan-t5-base").iterdir()}
    unwanted = {"README.md", "pytorch_model.bin"}
    assert fetched == stored == {path.name for path in hub.folder.glob("*.*")} - unwanted
    size = sum(path.stat().st_size for path in (models / "flan-t5-base").iterdir())
    assert progress[-1] == (size, size) and len(progress) > 2
    assert write(nodes, loaded)

    requests_so_far = hub.lookups, len(hub.fetched)
    nodes.DiffEditLanguageModelLoader.execute(FLAN)
    nodes.DiffEditLanguageModelLoader.execute("flan-t5-base")
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
            nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert "flan-t5-base" not in options(nodes.DiffEditLanguageModelLoader)
    write(nodes, nodes.DiffEditLanguageModelLoader.execute(FLAN))
    weights = [start for file, start in hub.fetched if file == "model.safetensors"]
    assert weights[0] == 0 and len(weights) == 2 and weights[1] > 10_000


def test_cancel_comes_before_the_next_request(nodes, models, hub):
    import comfy.model_management as management

    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert not hub.fetched


def test_a_download_shows_size_and_licence(nodes, models, hub, monkeypatch):
    shown = []
    choice = nodes.language_models.choice
    monkeypatch.setattr(choice, "show_text", lambda node, text: shown.append(text))
    nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert shown == ["google/flan-t5-base: 0.00 GB, licence apache-2.0"]


def restated(name: str, **changes):
    """Metadata that says other things about one file."""

    def restate(stated: dict) -> dict:
        (file,) = (file for file in stated["siblings"] if file["rfilename"] == name)
        file |= changes
        return stated

    return restate


@pytest.mark.parametrize(
    ("name", "changes"),
    [("model.safetensors", {"lfs": {"sha256": "00"}}), ("tokenizer.json", {"blobId": "00"})],
)
def test_what_arrives_damaged_is_not_kept(nodes, models, hub, name, changes):
    hub.restate = restated(name, **changes)
    with pytest.raises(ValueError, match=rf"^model: .*{name} arrived damaged.*\.$"):
        nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert not list((models / "flan-t5-base").glob(f"{name}*"))


@pytest.mark.parametrize("stated", [True, False])
def test_only_what_has_a_hash_is_resumed(nodes, models, hub, stated):
    if not stated:
        hub.restate = restated("tokenizer.json", blobId=None)
    content = (hub.folder / "tokenizer.json").read_bytes()
    part = models / "flan-t5-base" / "tokenizer.json.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content[:100] if stated else bytes(100))
    nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert ("tokenizer.json", 100 if stated else 0) in hub.fetched
    assert (models / "flan-t5-base" / "tokenizer.json").read_bytes() == content


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_less_than_stated_is_one_sentence(nodes, models, hub, knows_ranges):
    hub.knows_ranges = knows_ranges
    size = (hub.folder / "tokenizer.json").stat().st_size
    hub.restate = restated("tokenizer.json", size=size + 1)
    with pytest.raises(
        ValueError, match=r"^model: .* \(the Hub sends less than it states\); .*\.$"
    ):
        nodes.DiffEditLanguageModelLoader.execute(FLAN)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", lambda content: content[:-1]),
        ("tokenizer.json", lambda content: bytes(len(content))),
        ("model.safetensors", lambda content: content[:-1]),
    ],
)
def test_a_file_of_the_user_is_never_replaced(nodes, models, hub, name, content):
    path = models / "flan-t5-base" / name
    path.parent.mkdir(parents=True)
    own = content((hub.folder / name).read_bytes())
    path.write_bytes(own)
    with pytest.raises(ValueError) as caught:
        nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert str(caught.value) == (
        f"model: {path} is there already, but is not the file that the Hub has under this name; "
        "move it away and run again."
    )
    assert path.read_bytes() == own and not hub.fetched


@pytest.mark.parametrize("name", ["flan-t5-base", "google/flan-t5-base"])
def test_what_is_installed_anywhere_is_not_downloaded(nodes, models, saved, tmp_path, hub, name):
    import folder_paths

    folder_paths.add_model_folder_path("LLM", str(tmp_path / "elsewhere"))
    shutil.copytree(saved / "t5", tmp_path / "elsewhere" / name)
    assert write(nodes, nodes.DiffEditLanguageModelLoader.execute(FLAN))
    assert not hub.lookups and not models.exists()


def no_hashes(stated: dict) -> dict:
    kept = ("rfilename", "size")
    files = [{key: file[key] for key in kept} | {"lfs": None} for file in stated["siblings"]]
    return {**stated, "siblings": files, "cardData": None}


@pytest.mark.parametrize(
    ("restate", "licence"),
    [
        (no_hashes, "not stated"),
        (lambda stated: {**stated, "cardData": {}}, "not stated"),
        (lambda stated: {**stated, "cardData": {"license": ["mit", "other"]}}, "mit, other"),
    ],
)
def test_unusual_metadata_will_do(nodes, models, hub, monkeypatch, restate, licence):
    hub.restate = restate
    shown = []
    choice = nodes.language_models.choice
    monkeypatch.setattr(choice, "show_text", lambda node, text: shown.append(text))
    assert write(nodes, nodes.DiffEditLanguageModelLoader.execute(FLAN))
    assert shown == [f"google/flan-t5-base: 0.00 GB, licence {licence}"]


@pytest.mark.parametrize(
    "restate",
    [
        lambda stated: {"error": "Repository not found"},
        lambda stated: [stated],
        lambda stated: {**stated, "sha": None, "siblings": None},
        lambda stated: {**stated, "siblings": []},
        lambda stated: {**stated, "siblings": [{"rfilename": "README.md", "size": 3}]},
        restated("config.json", size=None),
        restated("config.json", rfilename=None),
    ],
)
def test_metadata_that_says_nothing_is_one_sentence(nodes, models, hub, restate):
    hub.restate = restate
    with pytest.raises(ValueError) as caught:
        nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert str(caught.value).startswith(
        "model: google/flan-t5-base could not be downloaded (the Hub's answer is not understood); "
    )
    assert not models.exists()


def test_a_refusal_says_its_status(nodes, models, hub):
    hub.status = 503
    with pytest.raises(ValueError, match=r"^model: .* \(HTTP status 503\); .*\.$"):
        nodes.DiffEditLanguageModelLoader.execute(FLAN)


def test_offline_is_one_sentence(nodes, models, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # where nothing answers
    with pytest.raises(ValueError) as caught:
        nodes.DiffEditLanguageModelLoader.execute(FLAN)
    assert str(caught.value) == (
        "model: google/flan-t5-base could not be downloaded (ConnectionError); run again to go "
        "on, or put config.json, model.safetensors or its numbered parts, tokenizer.json into "
        f"{models / 'flan-t5-base'} yourself."
    )


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
