"""The training loop, on a line fitted to points."""

import pytest
import torch

from lab.training import DEVICE, learning_rate_factor, train


def fit(build, steps: int, stop_at: int | None = None) -> torch.nn.Linear:
    torch.manual_seed(0)
    line = torch.nn.Linear(1, 1)

    def loss_of_step(step: int) -> torch.Tensor:
        if step == stop_at:
            raise KeyboardInterrupt
        x = torch.randn(64, 1, generator=torch.Generator().manual_seed(step)).to(DEVICE)
        return (line(x).float() - (3 * x - 1)).square().mean()

    return train("line", {"line": line}, loss_of_step, steps, 0.1, build)["line"]


def test_training_fits(tmp_path):
    line = fit(tmp_path, 300)
    assert line.weight.item() == pytest.approx(3, abs=0.1)
    assert line.bias.item() == pytest.approx(-1, abs=0.1)


def test_a_resumed_run_is_the_run_itself(tmp_path, monkeypatch):
    whole = fit(tmp_path / "whole", 12)
    monkeypatch.setattr("lab.training.CHECKPOINT_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", 12, stop_at=5)
    resumed = fit(tmp_path / "parts", 12)
    assert torch.equal(resumed.weight, whole.weight)
    assert torch.equal(resumed.bias, whole.bias)


def test_the_learning_rate_rises_then_falls():
    rates = [learning_rate_factor(step, 1000) for step in range(1000)]
    assert rates[0] < rates[50] < rates[100] > rates[500] > rates[999] > 0
