"""The nodes' texts in other languages, `locales/<language>/nodeDefs.json`, against the schemas.

`locales/en` holds the English texts that the translations were made of.
`python3 tools/environment.py -m tests.nodes.test_locales` writes those of today: do it after the
translations of what has changed.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tools.comfy_server import PACK
from tools.in_process import load_pack

LOCALES = PACK / "locales"
LANGUAGES = sorted(folder.name for folder in LOCALES.iterdir() if folder.name != "en")

Texts = dict[str, str]
"""What the editor looks a text up by, such as "DDIMInvert.inputs.steps.tooltip", and the text."""


def visible_inputs(info: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, dict]]:
    """The id, type and options of each input, with those that a dynamic combo opens."""
    for kind in ("required", "optional"):
        for name, (type_, *rest) in info.get(kind, {}).items():
            options = rest[0] if rest else {}
            yield prefix + name, type_, options
            if type_ == "COMFY_DYNAMICCOMBO_V3":
                for choice in options["options"]:
                    yield from visible_inputs(choice["inputs"], f"{prefix}{name}.")


def english_texts(nodes: ModuleType) -> dict[str, dict[str, Any]]:
    """What the schemas say, in the form of `nodeDefs.json`."""
    found = {}
    for node in asyncio.run(nodes.DiffEditExtension().get_node_list()):
        info = node.GET_NODE_INFO_V1()
        outputs = zip(info["output_name"], info["output_tooltips"], strict=True)
        found[info["name"]] = {
            "display_name": info["display_name"],
            "description": info["description"],
            "inputs": {
                # The editor's own `normalizeI18nKey`, and its label for what a choice opens.
                name.replace(".", "_"): named(name.split(".")[-1], options.get("tooltip"))
                for name, _, options in visible_inputs(info["input"])
            },
            "outputs": {str(i): named(*output) for i, output in enumerate(outputs)},
        }
    return found


def named(name: str, tooltip: str | None) -> dict[str, str]:
    return {"name": name, **({"tooltip": tooltip} if tooltip else {})}


def flat(texts: dict[str, Any], prefix: str = "") -> Texts:
    found = {}
    for key, value in texts.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def stored(language: str) -> Texts:
    return flat(json.loads((LOCALES / language / "nodeDefs.json").read_text("utf-8")))


def differing(one: Texts, other: Texts) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def words(text: str) -> set[str]:
    """Names, numbers and placeholders of a text; what has no spaces between words counts too."""
    return set(re.findall(r"\{\w+\}|\d+(?:\.\d+)?|[A-Za-z]\w*(?:\.\w+)*", text, re.ASCII))


@pytest.fixture(scope="module")
def english(nodes) -> Texts:
    return flat(english_texts(nodes))


def test_the_translations_were_made_of_todays_english(english):
    changed = differing(stored("en"), english)
    assert not changed, "translate these anew in every language, then write locales/en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_there_and_no_other(english, language):
    translated = stored(language)
    assert translated.keys() ^ english.keys() == set()
    assert [key for key, text in translated.items() if not text.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_left_in_english(english, language):
    translated = stored(language)
    long = {key for key, text in english.items() if len(text.split()) > 1}
    assert long - differing(translated, english) == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_files_and_placeholders_are_kept(english, language):
    exact = re.compile(r"\{.*\}|[\d.]+|.*\.(png|jpg)")
    translated = stored(language)
    lost = {
        key: missing
        for key, text in english.items()
        if (
            missing := {
                word for word in words(text) - words(translated[key]) if exact.fullmatch(word)
            }
        )
    }
    assert lost == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_choices_are_called_what_the_editor_calls_them(nodes, language):
    """It does not translate them."""
    translated = stored(language)
    lost = {}
    for node in asyncio.run(nodes.DiffEditExtension().get_node_list()):
        info = node.GET_NODE_INFO_V1()
        for name, _, options in visible_inputs(info["input"]):
            choices = {c if isinstance(c, str) else c["key"] for c in options.get("options", [])}
            key = f"{info['name']}.inputs.{name.replace('.', '_')}.tooltip"
            if missing := choices & words(options["tooltip"]) - words(translated[key]):
                lost[key] = missing
    assert lost == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_node_is_called_by_its_own_name(english, language):
    translated = stored(language)
    names = {
        text: translated[key]
        for key, text in english.items()
        if key.endswith(".display_name") and " " in text
    }
    assert len(set(names.values())) == len(names)
    lost = {
        key: name
        for key, text in english.items()
        for name, translation in names.items()
        if name in text and translation not in translated[key]
    }
    assert lost == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_input_is_called_by_its_own_name(english, language):
    """Those whose name is no word of a sentence, such as target_negative."""
    translated = stored(language)
    names: dict[str, set[str]] = {}
    for key, text in english.items():
        if key.endswith(".name") and "_" in text:
            names.setdefault(text, set()).add(translated[key])
    lost = {
        key: name
        for key, text in english.items()
        for name in words(text) & names.keys()
        if not any(translation in translated[key] for translation in names[name])
    }
    assert lost == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_the_editor_would_take_for_a_placeholder(language):
    """It shows tooltips as they are, and reads all other texts as templates."""
    templates = {k: text for k, text in stored(language).items() if not k.endswith(".tooltip")}
    assert {key: text for key, text in templates.items() if re.search(r"[{}|@%]", text)} == {}


if __name__ == "__main__":
    texts = json.dumps(english_texts(load_pack()), ensure_ascii=False, indent=1)
    (LOCALES / "en" / "nodeDefs.json").write_text(texts + "\n", "utf-8")
