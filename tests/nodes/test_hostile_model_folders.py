"""What lies in models/LLM may be anything: the nodes are there, and a chosen folder is one sentence
or a model.
"""

import importlib
import io
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.language_models import save_blip, save_llama, save_t5
from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults

CHAT = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Whole folders, to copy from."""
    folder = tmp_path_factory.mktemp("saved")
    save_t5(folder / "t5")
    save_llama(folder / "llama")
    save_llama(folder / "chat", CHAT)
    save_blip(folder / "blip")
    return folder


@pytest.fixture
def models(nodes, tmp_path, monkeypatch, saved) -> Path:
    """A models/LLM with one whole model, "flan"."""
    import folder_paths

    folder = tmp_path / "LLM"
    places = [str(folder), str(tmp_path / "gone")]
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "LLM", (places, set()))
    shutil.copytree(saved / "t5", folder / "flan")
    return folder


@pytest.fixture
def copied(models, saved) -> Callable[[str], Path]:
    """Copies a whole folder to models/LLM/bad."""

    def copy(kind: str) -> Path:
        return Path(shutil.copytree(saved / kind, models / "bad"))

    return copy


def options(nodes) -> list[str]:
    (widget,) = nodes.DiffEditLanguageModelLoader.define_schema().inputs
    return widget.options


def load(nodes, kind: str) -> Any:
    name = "Caption" if kind == "blip" else "Language"
    (loaded,) = getattr(nodes, f"DiffEdit{name}ModelLoader").execute("bad").result
    return loaded


def use(nodes, loaded: Any) -> str:
    """What the model writes."""
    if hasattr(loaded.processor, "image_processor"):
        image = torch.rand(1, 40, 40, 3, generator=torch.Generator().manual_seed(0))
        output = nodes.DiffEditImageCaption.execute(
            caption_model=loaded, image=image, prefix="a picture", max_tokens=4
        )
        return output.result[0][0]
    few = {"count": 2, "max_tokens": 4, "concept": "bowl", "language_model": loaded}
    fixed = {**defaults(nodes.DiffEditConceptPrompts), **few}
    return nodes.DiffEditConceptPrompts.execute(**fixed).result[0]


def change(path: Path, **values: Any) -> None:
    """Set keys of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


# The list


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "config.json")


def device(folder: Path) -> None:
    (folder / "config.json").symlink_to("/dev/zero")


def loop(folder: Path) -> None:
    (folder / "config.json").symlink_to(folder / "config.json")


def of_proc(folder: Path) -> None:
    (folder / "config.json").symlink_to("/proc/self/environ")


def huge(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(1 << 40)


def written(content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "config.json").write_bytes(content)

    return write


ODD = [
    *(pipe, device, loop, of_proc, huge),
    written(b"[" * 500_000),
    written(b'{"model_type": "t5", "a": ' + b'{"a":' * 100_000 + b"}" * 100_001),
    written(b'{"model_type": "\xff"}'),
    written('{"model_type": "t5"}'.encode("utf-16")),
    written(b'{"model_type": "t5", "a": ' + b"9" * 5000 + b"}"),
    written(b'{"model_type": "' + b"t" * 5000 + b'"}'),
    written(b""),
]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")
@pytest.mark.parametrize("odd", ODD)
def test_any_config_costs_only_its_folder(nodes, models, odd):
    (models / "odd").mkdir()
    odd(models / "odd")
    assert options(nodes) == ["flan"]
    with pytest.raises(ValueError, match=r"odd/config\.json is no readable JSON") as caught:
        nodes.DiffEditLanguageModelLoader.execute("odd")
    assert_one_sentence(caught, "model")


@pytest.mark.skipif(sys.platform == "win32", reason="a name there is text")
def test_names_that_cannot_be_shown_are_not_listed(nodes, models, saved):
    for name in (b"caf\xe9", b"two\nlines", b"bell\x07", "line\u2028separator".encode()):
        shutil.copytree(saved / "t5", models / os.fsdecode(name))
    for name in ("日本語", "emoji 👩‍🎨", "with spaces"):
        shutil.copytree(saved / "t5", models / name)
    assert options(nodes) == sorted(["flan", "日本語", "emoji 👩‍🎨", "with spaces"])
    for name in options(nodes):
        nodes.DiffEditLanguageModelLoader.execute(name)


@pytest.mark.parametrize(
    "choice",
    [
        "../LLM/flan",
        "/",
        "flan/..",
        "..",
        ".",
        "",
        "flan/",
        "a/b/c",
        "caf\udce9",
        "nul\0",
        "\\flan",
    ],
)
def test_a_choice_leads_nowhere_else(nodes, models, choice):
    with pytest.raises(ValueError, match="there is no"):
        nodes.DiffEditLanguageModelLoader.execute(choice)


@pytest.mark.parametrize("choice", [7, None, [], {}, ["flan"], "x" * 10**6, "日本"], ids=range(7))
def test_any_choice(nodes, models, choice):
    with pytest.raises(ValueError, match="there is no") as caught:
        nodes.DiffEditLanguageModelLoader.execute(choice)
    assert_one_sentence(caught, "model")


def test_a_loop_of_folders_ends(nodes, models):
    (models / "maker").mkdir()
    for name in ("self", "again"):
        (models / "maker" / name).symlink_to(models, target_is_directory=True)
    assert options(nodes)[0] == "flan"


def test_places_may_be_anything(nodes, models, tmp_path, monkeypatch):
    import folder_paths

    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    places = [str(tmp_path / "file"), str(tmp_path / "loop"), "nul\0", "", str(models)]
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "LLM", (places, set()))
    assert "flan" in options(nodes)
    nodes.DiffEditLanguageModelLoader.execute("flan")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError(), RuntimeError()])
def test_a_disk_that_fails_costs_nothing_else(nodes, models, saved, monkeypatch, error):
    shutil.copytree(saved / "t5", models / "broken")
    shutil.copytree(saved / "t5", models / "maker" / "broken")

    def failing(function):
        def called(path, *args, **options):
            if "broken" in str(path) or str(path).endswith("maker"):
                raise error
            return function(path, *args, **options)

        return called

    for name in ("scandir", "open"):
        monkeypatch.setattr(os, name, failing(getattr(os, name)))
    monkeypatch.setattr(Path, "stat", failing(Path.stat))
    assert options(nodes) == ["flan"]


def test_thousands_of_folders_take_a_bounded_time(nodes, models, monkeypatch):
    folders = sys.modules[f"{nodes.__name__}.language_models.folders"]
    large = json.dumps({"model_type": "t5", "architectures": ["LlamaForCausalLM"]}) + " " * 900_000
    for index in range(3000):
        (models / f"z{index}").mkdir()
        os.link(models / "flan" / "config.json", models / f"z{index}" / "config.json")
    assert len(options(nodes)) == 3001
    (models / "z0" / "config.json").unlink()
    (models / "flan" / "config.json").write_text(large)
    monkeypatch.setattr(folders, "MOST_SECONDS", 0.05)
    listed = options(nodes)
    assert 0 < len(listed) < 3001
    # One that the list has not come to is found all the same.
    with pytest.raises(ValueError, match="z2999 holds no weights"):
        nodes.DiffEditLanguageModelLoader.execute("z2999")


# What a folder claims


def test_attention_is_not_the_folders_to_choose(nodes, copied, monkeypatch):
    """With the package `kernels`, transformers would fetch and run the named repository."""
    folder = copied("llama")
    stated = json.loads((folder / "config.json").read_text())
    own = use(nodes, load(nodes, "llama"))
    for key in ("_attn_implementation", "attn_implementation", "_attn_implementation_internal"):
        for value in ("kernels-community/flash-attn", "flash_attention_2", 7):
            (folder / "config.json").write_text(json.dumps({**stated, key: value}))
            assert use(nodes, load(nodes, "llama")) == own
    assert load(nodes, "llama").load().config._attn_implementation in ("sdpa", "eager")


def test_attention_is_not_the_folders_to_choose_in_a_part_of_the_network(nodes, copied):
    folder = copied("blip")
    stated = json.loads((folder / "config.json").read_text())
    for part in ("text_config", "vision_config"):
        stated[part] |= {"attn_implementation": "someone/kernel", "auto_map": {"AutoConfig": "a.B"}}
    (folder / "config.json").write_text(json.dumps(stated))
    loaded = load(nodes, "blip")
    assert use(nodes, loaded)
    for part in ("text_config", "vision_config"):
        implementation = getattr(loaded.load().config, part)._attn_implementation
        assert implementation in ("sdpa", "eager")


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_folder_does_not_run(nodes, copied, tmp_path, file):
    folder = copied("llama")
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    classes = ("AutoConfig", "AutoTokenizer", "AutoModelForCausalLM")
    change(folder / file, auto_map={name: "code.Class" for name in classes})
    assert use(nodes, load(nodes, "llama"))
    assert not (tmp_path / "ran").exists()


def test_weights_are_those_of_the_folder(nodes, copied, tmp_path):
    folder = copied("llama")
    own = use(nodes, load(nodes, "llama"))
    weights = load_file(folder / "model.safetensors")
    save_file({name: -tensor for name, tensor in weights.items()}, tmp_path / "other.safetensors")
    change(folder / "config.json", transformers_weights="../../other.safetensors")
    assert use(nodes, load(nodes, "llama")) == own


def test_an_adapter_leads_nowhere(nodes, copied, models):
    folder = copied("llama")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "someone/else"}')
    with pytest.raises(ValueError, match="holds an adapter to another model") as caught:
        load(nodes, "llama")
    assert_one_sentence(caught, "model")


@pytest.mark.parametrize(
    "name", ["../flan/model.safetensors", "{flan}/model.safetensors", "..", "", 7, None, ["a"]]
)
def test_parts_of_the_weights_lie_in_the_folder(nodes, copied, models, name):
    folder = copied("t5")
    (folder / "model.safetensors").unlink()
    part = name.format(flan=models / "flan") if isinstance(name, str) else name
    index = {"weight_map": {"shared.weight": part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"index\.json is damaged") as caught:
        load(nodes, "t5")
    assert_one_sentence(caught, "model")


def no_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 100)


def header_alone(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 8 + int.from_bytes(content[:8], "little")])


def longer_header(path: Path) -> None:
    path.write_bytes((1 << 40).to_bytes(8, "little") + path.read_bytes()[8:])


def other_header(**tensor: Any) -> Callable[[Path], None]:
    """State other things of one tensor."""

    def write(path: Path) -> None:
        content = path.read_bytes()
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        header["shared.weight"] |= tensor
        stated = json.dumps(header).encode()
        path.write_bytes(len(stated).to_bytes(8, "little") + stated + content[end:])

    return write


@pytest.mark.parametrize(
    "damage",
    [
        *(no_header, header_alone, longer_header),
        other_header(shape=[1 << 40, 1 << 40]),
        other_header(shape=[]),
        other_header(shape=[-1, 16]),
        other_header(data_offsets=[0, 1 << 50]),
        other_header(data_offsets=[64, 0]),
        other_header(dtype="F8_E4M3"),
        other_header(dtype="X"),
    ],
)
def test_headers_that_lie_are_one_sentence(nodes, copied, damage):
    folder = copied("t5")
    damage(folder / "model.safetensors")
    with pytest.raises(ValueError, match="damaged or incomplete") as caught:
        load(nodes, "t5")
    assert_one_sentence(caught, "model")


LARGER = [
    {"vocab_size": 10**9},
    {"hidden_size": 10**7, "head_dim": 8},
    {"intermediate_size": 10**10},
    {"num_hidden_layers": 10**9},
    {"num_labels": 10**10},
    {"num_key_value_heads": 10**9},
]


@pytest.mark.parametrize("claim", LARGER)
def test_a_network_larger_than_its_weights_takes_no_memory(nodes, copied, claim):
    folder = copied("llama")
    own = use(nodes, load(nodes, "llama"))
    change(folder / "config.json", **claim)
    before = resident()
    if "num_labels" in claim:  # which are not of a network that writes
        assert use(nodes, load(nodes, "llama")) == own
    else:
        with pytest.raises(ValueError, match="a larger network than its weights fill") as caught:
            load(nodes, "llama")
        assert_one_sentence(caught, "model")
    assert resident() - before < 200


def resident() -> int:
    """Megabytes that this process has needed at most."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


@pytest.mark.parametrize("tied", [True, False])
def test_a_network_that_shares_tensors_is_no_larger_than_its_weights(nodes, copied, tied):
    """Nor is one whose config.json states layers that it has not, as those of Qwen 2 do."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    folder = copied("llama")
    llama = json.loads((folder / "config.json").read_text())
    shared = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    sizes = {name: llama[name] for name in (*shared, "num_attention_heads", "eos_token_id")}
    config = Qwen2Config(**sizes, num_key_value_heads=2, tie_word_embeddings=tied)
    torch.manual_seed(0)
    network = Qwen2ForCausalLM(config)
    network.save_pretrained(folder)
    loaded = load(nodes, "llama")
    assert json.loads((folder / "config.json").read_text())["max_window_layers"] == 28
    for name, tensor in loaded.load().state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name])


# Generation


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"eos_token_id": "x", "pad_token_id": [], "bos_token_id": -5},
        {"eos_token_id": 10**9, "pad_token_id": 10**9, "forced_bos_token_id": 10**9},
        {"eos_token_id": [10**9, None, True, "x"], "decoder_start_token_id": [0]},
        {"num_beams": -3, "max_length": "x", "temperature": None, "suppress_tokens": [10**9]},
        {"cache_implementation": "x", "watermarking_config": 3, "assistant_lookbehind": "x"},
        {"custom_generate": "someone/code", "compile_config": {"a": 1}, "_from_model_config": 7},
    ],
)
@pytest.mark.parametrize("kind", ["t5", "llama", "blip"])
def test_nonsense_about_generation_changes_nothing(nodes, copied, kind, stated):
    folder = copied(kind)
    own = use(nodes, load(nodes, kind))
    (folder / "generation_config.json").write_text(json.dumps(stated))
    assert use(nodes, load(nodes, kind)) == own


def test_a_network_must_be_told_how_to_begin(nodes, copied):
    folder = copied("t5")
    for file in ("config.json", "generation_config.json"):
        change(folder / file, decoder_start_token_id=None, bos_token_id=None)
    with pytest.raises(ValueError, match="with which token a text begins") as caught:
        load(nodes, "t5")
    assert_one_sentence(caught, "model")


@pytest.mark.parametrize("token", ["bos_token_id", "sep_token_id", "eos_token_id", "pad_token_id"])
@pytest.mark.parametrize("value", [10**6, -1, None, "x"])
def test_a_caption_begins_and_ends_with_tokens_that_exist(nodes, copied, token, value):
    folder = copied("blip")
    stated = json.loads((folder / "config.json").read_text())
    stated["text_config"][token] = value
    (folder / "config.json").write_text(json.dumps(stated))
    with pytest.raises(ValueError, match="bad cannot be loaded") as caught:
        load(nodes, "blip")
    assert_one_sentence(caught, "model")


@pytest.mark.parametrize("kind", ["t5", "llama", "blip"])
def test_weights_that_are_no_numbers_are_one_sentence(nodes, copied, kind):
    """To sample from what they compute would end in an error of the graphics card."""
    folder = copied(kind)
    weights = load_file(folder / "model.safetensors")
    broken = {name: torch.full_like(tensor, torch.nan) for name, tensor in weights.items()}
    save_file(broken, folder / "model.safetensors", {"format": "pt"})
    loaded = load(nodes, kind)
    with pytest.raises(ValueError, match="what it computes is no number") as caught:
        use(nodes, loaded)
    assert_one_sentence(caught, "caption_model" if kind == "blip" else "language_model")


# Chat templates

INNER = "{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}"
TWICE = "{% set n.x = n.x ~ n.x %}"
DOUBLING = "{% set n = namespace(x='bowl ') %}{% for a in range(60) %}" + TWICE + "{% endfor %}"
FILLING = "{% for a in range(9999) %}{{ 'x'.center(999999) }}{% endfor %}"
ENDLESS = "{% for a in range(9999) %}" + INNER + "{% endfor %}"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for %}", "bad cannot be loaded"),
        ("{{ raise_exception('not today') }}", "not today"),
        ("{{ messages[7]['content'] }}", "bad cannot be loaded"),
        ("{{ ''.__class__.__mro__ }}", "bad cannot be loaded"),
        ("{{ cycle(7) }}", "bad cannot be loaded"),
        ("", "its tokenizer makes no token"),
        ("{% for a in range(9999) %}" + "bowl " * 99 + "{% endfor %}", "too long a text"),
        ("{{ 'x' * 2000 * 2000 * 2000 }}", "its chat template multiplies"),
        ("{{ 10 ** (10 ** 10) }}", "its chat template multiplies"),
        ("{{ 'x'.center(20000000000) }}", "its chat template has great numbers"),
        ("{{ 'x'.center('2_00_00_00_00'|int) }}", "its chat template has great numbers"),
        ("{{ 'x'.center(2e10|int) }}", "its chat template has great numbers"),
        ("{{ '%9999999999d' % 1 }}", "its chat template has great numbers"),
        (DOUBLING, "fills the memory"),
        (FILLING, "fills the memory"),
        (ENDLESS, "does not end within 1 seconds"),
        (7, "cannot be loaded"),
        ({"a": "b"}, "cannot be loaded"),
        ([{"name": "other", "template": CHAT}], "bad cannot be loaded"),
    ],
)
def test_a_broken_chat_template_is_one_sentence(nodes, copied, monkeypatch, template, reason):
    folder = copied("chat")
    chat_template = importlib.import_module(f"{nodes.__name__}.language_models.chat_template")
    if "does not end" in reason:
        monkeypatch.setattr(chat_template, "MOST_SECONDS", 1)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    change(folder / "tokenizer_config.json", chat_template=template)
    with pytest.raises(ValueError, match=reason) as caught:
        load(nodes, "chat")
    assert_one_sentence(caught, "model")


def test_a_chat_template_may_fail_later(nodes, copied):
    folder = copied("chat")
    loaded = load(nodes, "chat")
    assert use(nodes, loaded)
    loaded.processor.chat_template = "{{ raise_exception('not this') }}"
    with pytest.raises(ValueError, match="not this") as caught:
        use(nodes, loaded)
    assert_one_sentence(caught, "language_model")
    assert folder.exists()


def test_an_endless_chat_template_can_be_cancelled(nodes, copied):
    import comfy.model_management as management

    copied("chat")
    loaded = load(nodes, "chat")
    loaded.processor.chat_template = ENDLESS
    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        use(nodes, loaded)


# Other files


def change_inside(path: Path, where: tuple[str, ...], value: Any) -> None:
    """Set a value deep in a JSON file."""
    stated = json.loads(path.read_text())
    at = stated
    for key in where[:-1]:
        at = at[key]
    at[where[-1]] = value
    path.write_text(json.dumps(stated))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def a_list(path: Path) -> None:
    path.write_text("[]")


def a_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def a_loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path)


def endless(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")
@pytest.mark.parametrize("damage", [truncated, empty, a_list, a_pipe, a_folder, a_loop, endless])
@pytest.mark.parametrize(
    ("kind", "file"),
    [
        *(("t5", "tokenizer.json"), ("t5", "tokenizer_config.json")),
        *(("t5", "special_tokens_map.json"), ("t5", "generation_config.json")),
        *(("blip", "tokenizer.json"), ("blip", "preprocessor_config.json")),
        *(("t5", "added_tokens.json"), ("t5", "model.safetensors")),
    ],
)
def test_a_damaged_file_is_one_sentence(nodes, copied, kind, file, damage):
    folder = copied(kind)
    if kind == "blip" and not (folder / file).exists():  # where newer releases write it
        settings = json.loads((folder / "processor_config.json").read_text())
        (folder / "processor_config.json").unlink()
        (folder / file).write_text(json.dumps(settings["image_processor"]))
    elif not (folder / file).exists():
        (folder / file).write_text('{"unk_token": "<unk>"' + " " * 100 + "}")
    damage(folder / file)
    with pytest.raises(ValueError, match=file.replace(".", r"\.")) as caught:
        load(nodes, kind)
    assert_one_sentence(caught, "model")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes among files")
@pytest.mark.parametrize("damage", [a_pipe, a_loop, endless, a_folder])
@pytest.mark.parametrize(
    "file",
    ["notes.txt", "other.json", "adapter_model.safetensors", "chat_template.jinja", "a.model"],
)
def test_what_is_none_of_the_models_files_is_not_read(nodes, copied, file, damage):
    folder = copied("t5")
    own = use(nodes, load(nodes, "t5"))
    damage(folder / file)
    assert use(nodes, load(nodes, "t5")) == own


@pytest.mark.parametrize(
    "stated",
    [
        {"tokenizer_class": "T5ForConditionalGeneration"},
        {"tokenizer_class": "AutoTokenizer"},
        {"tokenizer_class": ["x"]},
        {"tokenizer_file": "/dev/zero", "vocab_file": "/dev/zero"},
        {"init_inputs": ["/dev/zero", 3]},
        {"name_or_path": "someone/else", "_commit_hash": "x"},
        {"model_max_length": "many"},
        {"model_max_length": float("nan")},
        {"padding_side": "x", "truncation_side": 3, "model_input_names": []},
        {"trust_remote_code": True, "local_files_only": False, "cache_dir": "/dev/null"},
    ],
)
def test_a_tokenizer_is_one_of_its_folder_or_one_sentence(nodes, copied, stated):
    folder = copied("t5")
    own = use(nodes, load(nodes, "t5"))
    change(folder / "tokenizer_config.json", **stated)
    try:
        written = use(nodes, load(nodes, "t5"))
    except ValueError as error:
        assert str(error).startswith("model: ") and str(error).endswith(".")
    else:
        assert written == own


def test_a_tokenizer_of_another_model_is_one_sentence(nodes, copied):
    """Tokens that the network does not know end in an error of the graphics card."""
    folder = copied("t5")
    for word in ("a", "for", "bowl"):
        change_inside(folder / "tokenizer.json", ("model", "vocab", word), 5000)
    with pytest.raises(ValueError, match="makes tokens that it does not know") as caught:
        load(nodes, "t5")
    assert_one_sentence(caught, "model")


def test_a_panic_of_the_tokenizer_is_one_sentence(nodes, copied, monkeypatch):
    """They are no Exception, and ComfyUI's worker would end with one."""

    class PanicException(BaseException):
        pass

    copied("t5")
    loaded = load(nodes, "t5")

    def panics(*args, **options):
        raise PanicException("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr(loaded.processor, "batch_decode", panics)
    with pytest.raises(ValueError, match="unwrap") as caught:
        use(nodes, loaded)
    assert_one_sentence(caught, "language_model")


@pytest.mark.parametrize(
    "stated",
    [
        {"size": {"height": 10**6, "width": 10**6}},
        {"do_resize": False},
        {"do_rescale": False, "rescale_factor": float("nan")},
        {"image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "crop_size": 10**6},
        {"do_pad": True, "pad_size": {"height": 10**6, "width": 10**6}, "resample": 99},
        {"auto_map": {"AutoImageProcessor": "code.Class"}},
    ],
)
def test_how_pictures_are_prepared_is_not_the_folders_to_say(nodes, copied, stated):
    folder = copied("blip")
    own = use(nodes, load(nodes, "blip"))
    for file in folder.glob("*processor_config.json"):
        settings = json.loads(file.read_text())
        settings.get("image_processor", settings).update(stated)
        file.write_text(json.dumps(settings))
    assert use(nodes, load(nodes, "blip")) == own


@pytest.mark.parametrize("name", ["image_mean", "image_std"])
@pytest.mark.parametrize(
    "value", [0, [], [1, 2], ["a", "b", "c"], [0, 0, float("nan")], [10**999] * 3]
)
def test_colours_are_three_numbers(nodes, copied, name, value):
    folder = copied("blip")
    (file,) = folder.glob("*processor_config.json")
    settings = json.loads(file.read_text())
    settings.get("image_processor", settings)[name] = value
    file.write_text(json.dumps(settings))
    with pytest.raises(ValueError, match="image_mean or image_std") as caught:
        load(nodes, "blip")
    assert_one_sentence(caught, "model")


@pytest.mark.parametrize("value", [0, None, [], "x"])
def test_how_pictures_are_prepared_is_an_object(nodes, copied, value):
    folder = copied("blip")
    (file,) = folder.glob("*processor_config.json")
    file.write_text(json.dumps({"image_processor": value}))
    with pytest.raises(ValueError, match="is no readable JSON object") as caught:
        load(nodes, "blip")
    assert_one_sentence(caught, "model")


# The server's log


class Latin1Log(io.TextIOWrapper):
    """A log like ComfyUI's where the encoding is not UTF-8: what it cannot write, raises."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="latin-1", errors="strict", write_through=True)


@pytest.mark.parametrize("kind", ["t5", "llama", "blip"])
def test_a_log_that_cannot_write_a_name_costs_nothing(nodes, models, copied, monkeypatch, kind):
    folder = copied(kind)
    weights = load_file(folder / "model.safetensors")
    weights["日本語"] = torch.zeros(1)  # of which transformers warns
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change(folder / "tokenizer_config.json", model_max_length=10)  # and of this
    handler = logging.StreamHandler(Latin1Log())
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setattr(handler, "handleError", lambda record: pytest.fail(record.getMessage()))
    logging.getLogger("transformers").addHandler(handler)
    try:
        loaded = load(nodes, kind)
        if kind == "blip":
            assert use(nodes, loaded)
    finally:
        logging.getLogger("transformers").removeHandler(handler)
