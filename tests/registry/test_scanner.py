"""What the registry's scanner of malicious packs would stop at, in the code that is shipped."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

NETWORK = {"requests", "urllib", "urllib3", "http", "httpx", "aiohttp", "socket", "websocket"}
PROCESSES = {"subprocess", "pty", "ctypes"}
CALLS = {"exec", "eval", "compile", "__import__", "os.system", "os.popen"}
HASHES = {"hashlib.md5", "hashlib.sha1"}
PICKLES = {"pickle", "marshal", "shelve", "dill", "joblib"}


def suspicions(source: str) -> set[str]:
    """What a scanner would name in a module."""
    tree = ast.parse(source)
    modules = {name.split(".")[0] for name in imported(tree)}
    found = modules & (PROCESSES | PICKLES)
    if modules & NETWORK and {"os.environ", "os.getenv"} & set(attributes(tree)):
        found.add("os.environ beside the network")
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        found |= {name} & CALLS
        if name.startswith("requests."):
            found.add(name)
        if name in HASHES and "usedforsecurity=False" not in ast.unparse(call):
            found.add(name)
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def attributes(tree: ast.AST) -> Iterator[str]:
    return (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))


@pytest.mark.parametrize(
    "source, named",
    [
        ("import subprocess", "subprocess"),
        ("from pickle import loads", "pickle"),
        ("eval(text)", "eval"),
        ("import os; os.system(command)", "os.system"),
        ("import hashlib; hashlib.sha1(data)", "hashlib.sha1"),
        ("import requests; requests.get(url)", "requests.get"),
        ("import os, httpx; httpx.get(os.environ['HUB'])", "os.environ beside the network"),
    ],
)
def test_the_check_itself(source: str, named: str):
    assert suspicions(source) == {named}


@pytest.mark.parametrize(
    "source",
    [
        "network.eval()",
        "import re; re.compile(pattern)",
        "import os; os.environ['HOME']",
        "import hashlib; hashlib.sha1(data, usedforsecurity=False)",
        "from .requests import look_up; look_up(name)",
    ],
)
def test_what_it_lets_pass(source: str):
    assert suspicions(source) == set()


def test_the_shipped_code(shipped: Path):
    modules = sorted(shipped.rglob("*.py"))
    assert {"__init__.py", "nodes", "diffedit_core"} <= {
        path.relative_to(shipped).parts[0] for path in modules
    }
    found = {
        str(path.relative_to(shipped)): suspicions(path.read_text(encoding="utf-8"))
        for path in modules
    }
    assert {name: names for name, names in found.items() if names} == {}
