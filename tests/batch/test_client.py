"""A running ComfyUI over HTTP: what it makes, and what is done when it does not answer."""

import time
from typing import Any

import pytest

from batch import client, servers
from batch.client import Comfy, EditFailed, Made, ServerLost
from batch.servers import NoServer, RunningServers
from batch.workflow import Saving
from tests.batch.fake_comfy import (
    PENDING,
    PICTURE,
    PROMPT,
    RUNNING,
    FakeComfy,
    fake_comfy,
    history,
)

SAVED = {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}
ENDED = history(edit=SAVED, invert={"evaluations": [16]}, sample={"evaluations": [32]})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1)
    monkeypatch.setattr(client, "LOOK_INTO_QUEUE_SECONDS", 0.02)
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.02)


def make(fake: FakeComfy, longest: float = 60.0) -> Made:
    return Comfy(fake.url, longest).make({}, Saving("edit", None))


def test_an_edit():
    with fake_comfy({f"/history/{PROMPT}": [{}, {}, ENDED]}) as fake:
        assert make(fake) == Made(PICTURE, None, 1.5, 48)


def test_nodes_that_count_nothing():
    with fake_comfy({f"/history/{PROMPT}": history(edit=SAVED)}) as fake:
        assert make(fake).evaluations is None


def test_an_edit_waits_behind_those_of_others():
    """The time that it may take begins when it runs."""
    answers = {f"/history/{PROMPT}": [*[{}] * 40, ENDED], "/queue": [PENDING] * 30 + [RUNNING]}
    with fake_comfy(answers) as fake:
        assert make(fake, longest=0.3).edit == PICTURE


def test_a_server_that_is_stuck_over_an_edit():
    with fake_comfy({f"/history/{PROMPT}": {}, "/queue": RUNNING, "/interrupt": {}}) as fake:
        with pytest.raises(ServerLost, match=r"did not end the edit in 0\.2 s"):
            make(fake, longest=0.2)
        assert fake.asked[-1] == "/interrupt"


def test_a_server_that_was_started_anew():
    with (
        fake_comfy({f"/history/{PROMPT}": {}}) as fake,
        pytest.raises(ServerLost, match="has forgotten the edit"),
    ):
        make(fake)


@pytest.mark.parametrize("path", ["/prompt", f"/history/{PROMPT}", "/view"])
def test_a_server_that_answers_500(path: str):
    with (
        fake_comfy({f"/history/{PROMPT}": ENDED} | {path: 500}) as fake,
        pytest.raises(ServerLost, match=f"{fake.url} answered 500 to {path}"),
    ):
        make(fake)


def test_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    with (
        fake_comfy({"/prompt": lambda: time.sleep(0.6)}) as fake,
        pytest.raises(ServerLost, match=r"did not answer in 0\.2 s"),
    ):
        make(fake)


def test_no_server_at_all():
    with fake_comfy({}) as fake:
        pass
    with pytest.raises(ServerLost, match=f"{fake.url} does not answer"):
        make(fake)


def test_a_node_that_fails():
    error = {"exception_message": "image: it is too small; use a larger one.\n"}
    ended = history("execution_error", error)
    with fake_comfy({f"/history/{PROMPT}": ended}) as fake:
        with pytest.raises(EditFailed) as caught:
            make(fake)
        assert str(caught.value) == "image: it is too small; use a larger one."


def test_an_edit_that_somebody_interrupts():
    """It is made again: nothing is wrong with it."""
    ended = history("execution_interrupted")
    with fake_comfy({f"/history/{PROMPT}": ended}) as fake, pytest.raises(ServerLost):
        make(fake)


def test_a_node_that_saves_nothing():
    with (
        fake_comfy({f"/history/{PROMPT}": history()}) as fake,
        pytest.raises(EditFailed, match="its node 'edit' saved no picture; connect one to it"),
    ):
        make(fake)


def queue(length: int) -> dict[str, Any]:
    return {"queue_running": [[0, "another's"]] * length, "queue_pending": []}


def test_the_least_busy_server_is_chosen(monkeypatch: pytest.MonkeyPatch):
    with (
        fake_comfy({"/queue": queue(2)}) as busy,
        fake_comfy({"/queue": queue(1)}) as less,
        fake_comfy({"/queue": 500}) as broken,
    ):
        choice = RunningServers([busy.url, less.url, broken.url], 60)
        for _ in range(3):
            assert choice.choose().url == less.url
        assert broken.asked == ["/queue"]  # and it is left alone for a while
        less.answers["/queue"] = 500
        assert choice.choose().url == busy.url
        monkeypatch.setattr(servers, "AVOIDED_SECONDS", 0)
        busy.answers["/queue"] = 500
        monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.1)
        with pytest.raises(NoServer, match="--server: .* did not answer for .*; start them again"):
            choice.choose()
