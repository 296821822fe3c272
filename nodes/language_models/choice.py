"""The model widget of the two loaders: the folders of their kind, and what is wrong with one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from comfy_api.latest import io

from .files import ADAPTER, PREPROCESSOR, WEIGHTS, check_files, has_any
from .folders import model_folder, model_folders, places, read_config

NONE = "none installed"


class Kind(NamedTuple):
    """A kind of model.

    name: in words.  example: a repository on the Hugging Face Hub that has one.  architectures: the
    ends of the class names that config.json may state.  only_text: whether it must take nothing but
    text.  needed: see check_files.  module: the one whose `load` loads it, see `lazy.imported`.
    """

    name: str
    example: str
    architectures: tuple[str, ...]
    only_text: bool
    needed: Sequence[Sequence[str]]
    module: str

    @property
    def files(self) -> str:
        """The files of a folder of this kind, in words."""
        return ", ".join(["config.json", WEIGHTS, *(choices[0] for choices in self.needed)])


def model_input(kind: Kind) -> io.Combo.Input:
    return io.Combo.Input(
        "model",
        options=_installed(kind) or [NONE],
        tooltip=f"A {kind.name} in a folder of its own in models/LLM, with the files that "
        f"{kind.example} has on Hugging Face. The node's help says which.",
    )


def chosen_folder(kind: Kind, choice: str) -> Path:
    """The folder that a choice stands for.

    Raises ValueError where there is none, or not a whole one of this kind.
    """
    folder = _chosen(kind, choice)
    config = read_config(folder)
    if not _fits(folder, config, kind):
        raise ValueError(
            f'model: {folder} holds a model of type "{config["model_type"]}", which is no '
            f"{kind.name} that can be used here; choose another."
        )
    if config.get("quantization_config"):
        raise ValueError(
            f"model: {folder} holds a quantised model, which cannot be used here; choose one that "
            "is not quantised."
        )
    if has_any(folder, [ADAPTER]):
        raise ValueError(
            f"model: {folder} holds an adapter to another model ({ADAPTER}), which cannot be used "
            "here; choose a folder that holds a whole model alone."
        )
    check_files(folder, kind.needed)
    return folder


def _installed(kind: Kind) -> list[str]:
    return [name for name, folder in model_folders() if _is_listed(folder, kind)]


def _is_listed(folder: Path, kind: Kind) -> bool:
    try:
        return _fits(folder, read_config(folder), kind)
    except Exception:  # while the nodes are registered, which one folder must not prevent
        return False


def _fits(folder: Path, config: dict[str, Any], kind: Kind) -> bool:
    stated = config.get("architectures")
    name = stated[0] if isinstance(stated, list) and stated else ""
    architecture_fits = isinstance(name, str) and name.endswith(kind.architectures)
    # What takes pictures or sound comes with a preprocessor.
    only_text = not has_any(folder, PREPROCESSOR)
    return architecture_fits and (only_text or not kind.only_text)


def _chosen(kind: Kind, choice: str) -> Path:
    folder = model_folder(choice) if isinstance(choice, str) else None
    if folder is None:
        wanted = kind.name if choice == NONE else f"{kind.name} {str(choice)[:40]!r}"
        raise ValueError(
            f"model: there is no {wanted} in {' or '.join(map(str, places()))}; choose another, or "
            f"put {kind.files} of huggingface.co/{kind.example} into a folder "
            f"{kind.example.split('/')[-1]} there."
        )
    return folder
