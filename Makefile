# Every target builds the private environment first, once (tools/environment.py).
# COMFYUI_DIR=/path/to/ComfyUI make demo     uses a ComfyUI that is already installed.
# make test COMFYUI=0.18.2                   tests with an older ComfyUI.
# make test FRONTEND=1.58.1                  tests with another release of ComfyUI's editor.

PYTHON ?= python3
RUN = $(PYTHON) tools/environment.py

.PHONY: demo test test-families test-cuda soak train-demo train-few-steps bench-mask bench-quality \
	bench-inversion bench-several bench-removal bench-window bench-keep bench-precision bench-batch bench-pie \
	bench clean

demo:  ## one real edit in a real ComfyUI; pictures in output/
	$(RUN) -m demo.run

test:  ## style, types, core, server and browser tests
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
ifeq ($(COMFYUI)$(COMFYUI_DIR),)  # its configuration knows where the current ComfyUI is
	$(RUN) -m basedpyright
endif
	$(RUN) -m pytest

test-families:  ## every model that ComfyUI knows, small; writes the table in docs/models.md
	$(RUN) -m pytest tests/families -m "families or not families"
	$(RUN) -m tests.families.table

soak:  ## odd prompts, interrupts, kills, full disks: about ten minutes; output/soak.json
	$(RUN) -m tests.soak

train-demo:  ## train the demo model again; resumes after an interruption
	$(RUN) -m lab.train

train-few-steps:  ## distil the demo model into the LoRA beside it; resumes after an interruption
	$(RUN) -m lab.distill

bench-mask:  ## our masks beside every recipe's and diffusers'; output/bench-mask.json
	$(RUN) -m benchmarks.mask

bench-quality:  ## our edits beside diffusers' on the same weights; output/bench-quality.json
	$(RUN) -m benchmarks.quality

bench-inversion:  ## round trips and edits at 1 to 4 iterations; output/bench-inversion.json
	$(RUN) -m benchmarks.inversion

bench-several:  ## two edits of one picture at once; output/bench-several.json
	$(RUN) -m benchmarks.several

bench-removal:  ## taking things out, against the truth; output/bench-removal.json
	$(RUN) -m benchmarks.removal

bench-window:  ## small things in large pictures; output/bench-window.json
	$(RUN) -m benchmarks.window

bench-keep:  ## edits made elsewhere, without their drift; output/bench-keep.json
	$(RUN) -m benchmarks.keep

bench-precision:  ## half precision, threads, batches, another process; output/precision.json
	$(RUN) -m benchmarks.precision

test-cuda:  ## the same on a CUDA device; says so and ends where there is none
	$(RUN) -m benchmarks.precision --cuda

bench-batch:  ## many edits on Ray: rate, memory, kill -9; output/bench-batch.json
	$(RUN) -m benchmarks.batch

bench-pie:  ## the demo scenes as PIE-Bench, beside diffusers; output/pie-bench.json
	$(RUN) -m benchmarks.pie_bench.demo

bench:  ## speed and memory, ours beside other ways and over the bare network; output/bench.json
	$(RUN) -m benchmarks.speed

clean:  ## remove what demo and test built; the training in build/ stays
	rm -rf .venv .venv-* .comfyui .comfyui-* .frontend-* output .pytest_cache .ruff_cache
