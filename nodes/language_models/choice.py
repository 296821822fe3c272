"""The model widget of the two loaders: what is installed, and what can be downloaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import comfy.model_management
import comfy.utils
from comfy_api.latest import io

from ..adapter.node_text import show_text
from .files import PREPROCESSOR, WEIGHTS, check_files, has_any
from .folders import model_folders, places, read_config

# The first choice while nothing is installed, so that a download is never chosen by default.
NONE = "none installed"


class Download(NamedTuple):
    """repository: its name on the Hugging Face Hub.  about: size and licence, to show."""

    repository: str
    about: str

    @property
    def choice(self) -> str:
        return f"download {self.repository} ({self.about})"


class Kind(NamedTuple):
    """A kind of model.

    name: in words.  architectures: the ends of the class names that config.json may state.
    only_text: whether it must take nothing but text.  needed: see check_files.  module: the one
    whose `load` loads it, see `lazy.imported`.
    """

    name: str
    architectures: tuple[str, ...]
    only_text: bool
    needed: Sequence[Sequence[str]]
    downloads: Sequence[Download]
    module: str

    @property
    def files(self) -> str:
        """The files of a folder of this kind, in words."""
        return ", ".join(
            [
                "config.json",
                f"{WEIGHTS} or its numbered parts",
                *(choices[0] for choices in self.needed),
            ]
        )


def model_input(kind: Kind) -> io.Combo.Input:
    return io.Combo.Input(
        "model",
        options=[
            *(_installed(kind) or [NONE]),
            *(entry.choice for entry in kind.downloads),
        ],
        tooltip=f"A {kind.name} that lies in a folder of its own in models/LLM, or one to download "
        f"into {places()[0]}. Nothing is downloaded unless you choose such an entry and run.",
    )


def chosen_folder(node: type[io.ComfyNode], kind: Kind, choice: str) -> Path:
    """The whole folder that a choice stands for, downloaded first where the choice says so.

    Raises ValueError where there is none, or not a whole one of this kind.
    """
    folder = _downloaded(node, kind, choice) or _chosen(kind, choice)
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
    check_files(folder, kind.needed)
    return folder


def _installed(kind: Kind) -> list[str]:
    return [name for name, folder in model_folders().items() if _is_listed(folder, kind)]


def _is_listed(folder: Path, kind: Kind) -> bool:
    try:
        return _fits(folder, read_config(folder), kind)
    except ValueError:
        return False


def _fits(folder: Path, config: dict[str, Any], kind: Kind) -> bool:
    stated = config.get("architectures")
    name = stated[0] if isinstance(stated, list) and stated else ""
    architecture_fits = isinstance(name, str) and name.endswith(kind.architectures)
    # What takes pictures or sound comes with a preprocessor.
    only_text = not has_any(folder, PREPROCESSOR)
    return architecture_fits and (only_text or not kind.only_text)


def _chosen(kind: Kind, choice: str) -> Path:
    folders = model_folders()
    if choice not in folders:
        wanted = kind.name if choice == NONE else f'{kind.name} "{choice}"'
        raise ValueError(
            f"model: there is no {wanted} in {' or '.join(map(str, places()))}; choose another or "
            f"a download, or put a folder there with {kind.files}."
        )
    return folders[choice]


def _downloaded(node: type[io.ComfyNode], kind: Kind, choice: str) -> Path | None:
    """The folder of a download, made whole; None where the choice is no download.

    Raises ValueError where the Hub cannot be reached, the disk is full, or a file does not arrive
    as the Hub states it.
    """
    names = {entry.choice: entry.repository for entry in kind.downloads}
    if choice not in names:
        return None
    from .download import download, look_up  # requests is needed for nothing else

    name = names[choice]
    short_name = name.split("/")[-1]
    installed = model_folders()
    for folder in (installed.get(short_name), installed.get(name)):
        if folder and _is_whole(folder, kind):
            return folder
    folder = places()[0] / short_name
    try:
        repository = look_up(name)
        total = sum(file.size for file in repository.files)
        show_text(node, f"{name}: {total / 1e9:.2f} GB, licence {repository.licence}")
        bar = comfy.utils.ProgressBar(total)

        def on_progress(size: int) -> None:
            comfy.model_management.throw_exception_if_processing_interrupted()
            bar.update_absolute(size)

        download(repository.files, folder, on_progress)
    except OSError as error:
        raise ValueError(
            f"model: {name} could not be downloaded ({_reason(error)}); run "
            f"again to go on, or put {kind.files} into {folder} yourself."
        ) from error
    return folder


def _is_whole(folder: Path, kind: Kind) -> bool:
    try:
        check_files(folder, kind.needed)
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP status {response.status_code}"
    return error.strerror or type(error).__name__
