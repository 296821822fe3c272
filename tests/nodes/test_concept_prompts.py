"""Concept Prompts against transformers' own generation on the same folders."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from tests.language_models import save_llama, save_t5
from tools.in_process import defaults

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
    "{% if enable_thinking is not defined or enable_thinking %}<think> {% endif %}"
)
SAMPLING = {"temperature": 0.7, "top_k": 5}


@pytest.fixture
def models(nodes, tmp_path, monkeypatch):
    import folder_paths

    monkeypatch.setitem(folder_paths.folder_names_and_paths, "LLM", ([str(tmp_path)], set()))
    save_t5(tmp_path / "t5")
    save_llama(tmp_path / "llama")
    save_llama(tmp_path / "chat", CHAT_TEMPLATE)
    return tmp_path


@pytest.fixture
def prompts(nodes, models):
    """The node's lines, with its defaults but few and short ones unless told otherwise."""

    def run(model: str = "t5", **inputs) -> list[str]:
        (loaded,) = nodes.DiffEditLanguageModelLoader.execute(model).result
        few = {"count": 4, "max_tokens": 8, "concept": "bowl"}
        fixed = {**defaults(nodes.DiffEditConceptPrompts), **few, "language_model": loaded}
        output = nodes.DiffEditConceptPrompts.execute(**{**fixed, **inputs})
        assert output.ui["text"] == output.ui["diffedit_text"] == [output.result[0]]
        return output.result[0].split("\n")

    return run


def generated(folder, network_class, text: str, seed: int, count: int, tokens: int) -> list[str]:
    """What transformers writes, as it is told in its documentation."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = network_class.from_pretrained(folder)
    ids = tokenizer(text, return_tensors="pt").input_ids
    torch.manual_seed(seed)
    written = network.generate(
        ids, do_sample=True, num_return_sequences=count, max_new_tokens=tokens, **SAMPLING
    )
    if network_class is AutoModelForCausalLM:
        written = written[:, ids.shape[1] :]
    return tokenizer.batch_decode(written, skip_special_tokens=True)


@pytest.mark.parametrize(
    ("model", "network_class", "text"),
    [
        ("t5", AutoModelForSeq2SeqLM, "a caption for a green bowl"),
        ("llama", AutoModelForCausalLM, "a caption for a green bowl"),
        ("chat", AutoModelForCausalLM, "user a caption for a green bowl assistant "),
    ],
)
def test_writes_what_transformers_writes(models, prompts, model, network_class, text):
    expected = generated(models / model, network_class, text, seed=3, count=6, tokens=9)
    written = prompts(
        model,
        instruction="a caption for a {concept}",
        concept=" green bowl\n",
        count=6,
        max_tokens=9,
        seed=3,
        **SAMPLING,
    )
    assert written == [line for line in expected if line]
    assert len(written) > 1


def test_same_seed_same_lines_and_another_other(prompts):
    assert prompts(seed=1) == prompts(seed=1)
    assert prompts(seed=1) != prompts(seed=2)
    assert prompts(seed=0xFFFFFFFFFFFFFFFF)


@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_what_a_folder_says_about_sampling_changes_nothing(models, prompts, file):
    many = {"count": 16, "temperature": 2.0, "top_k": 30}
    expected = prompts(**many)
    stated = json.loads((models / "t5" / file).read_text())
    if file == "config.json":  # where old models say it, having no other
        (models / "t5" / "generation_config.json").unlink()
    stated |= {"num_beams": 4, "top_p": 0.1, "repetition_penalty": 5.0, "no_repeat_ngram_size": 1}
    (models / "t5" / file).write_text(json.dumps(stated))
    assert prompts(**many) == expected


def test_the_bar_is_full_where_captions_end_early(models, prompts, monkeypatch):
    import comfy.utils

    tokens = AutoTokenizer.from_pretrained(models / "t5")
    always = {"pad_token_id": 0, "decoder_start_token_id": 0, "eos_token_id": [*range(len(tokens))]}
    (models / "t5" / "generation_config.json").write_text(json.dumps(always))
    seen = []

    def hook(done, total, preview, node_id):
        seen.append((done, total))

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", hook)
    prompts(max_tokens=30)
    assert seen == [(1, 30), (30, 30)]


def test_random_numbers_of_others_stay_as_they_were(prompts):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    prompts(seed=1)
    assert torch.equal(torch.rand(1), expected)


def test_a_caption_is_one_line_and_an_empty_one_none(nodes, prompts, monkeypatch):
    answers = ["a bowl\nof  fruits ", "", " \n", "a bowl", "a bowl"]
    (loaded,) = nodes.DiffEditLanguageModelLoader.execute("t5").result
    monkeypatch.setattr(loaded.processor, "batch_decode", lambda *args, **options: answers)
    assert prompts(language_model=loaded) == ["a bowl of fruits", "a bowl", "a bowl"]
    answers[:] = ["", " "]
    with pytest.raises(ValueError, match=r"^language_model: .*nothing.*\.$"):
        prompts(language_model=loaded)


@pytest.mark.parametrize("concept", ["🍎🍐", "وعاء", "bowl {concept} %s {0}", "Bowl"])
def test_any_script_will_do(prompts, concept):
    assert prompts(concept=concept)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"concept": ""}, r"^concept: it is empty; .*\.$"),
        ({"concept": " \n"}, r"^concept: it is empty; .*\.$"),
        ({"instruction": "write captions"}, r"^instruction: .*\{concept\}.*\.$"),
        ({"concept": "bowl " * 5000}, r"^concept: .* \d{4} tokens long .* room for 64; .*\.$"),
        ({"concept": "bowl " * 5000, "model": "llama"}, r"^concept: .* room for 120; .*\.$"),
        ({"max_tokens": 128, "model": "llama"}, r"^max_tokens: it is 128 .* room for 128 .*\.$"),
    ],
)
def test_bad_input_is_one_sentence(prompts, inputs, said):
    with pytest.raises(ValueError, match=said):
        prompts(**inputs)


def test_cancel_ends_it(prompts):
    import comfy.model_management as management

    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        prompts(max_tokens=512)
