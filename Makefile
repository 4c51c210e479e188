# make install | demo | test | test-gpu | lint | docs | wheels | lock | clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
SOURCES := pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
PLUGINS := "plugins/genrebench-svm[intelex]" plugins/genrebench-torch plugins/genrebench-cnn plugins/genrebench-mfcc \
	"plugins/genrebench-embeddings[onnx]"
DISTRIBUTIONS := $(addprefix -e ,$(PLUGINS))

# librosa, features and SVM compile when they are first used; two processes that do so at the same time spoil the cache for good
COMPILE := $(BIN)/python -c "import librosa.core.audio, librosa.core.pitch, librosa.util.utils; \
	from genrebench.inputs import spectra; spectra.compiled_kernels(); from genrebench_svm import solvers; solvers.compiled()"

# with the wheels of requirements-ci.txt, what they build the project with is there too
ISOLATION = $$(test -f .venv/.locked && echo --no-build-isolation)

.PHONY: install demo test test-gpu lint docs wheels lock clean

install: .venv/.installed

# all in one pip command, so that no index is asked for their names
.venv/.installed: $(SOURCES)
	$(PYTHON) -m venv .venv
	$(PIP) $(ISOLATION) -e . $(DISTRIBUTIONS)
	$(COMPILE)
	touch $@

# what CI installs, each wheel with the hash that it had when `make lock` was called in CI's image; Python compiles what it imports
.venv/.locked: requirements-ci.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-ci.txt
	touch $@

.venv/.dev: $(SOURCES)
	$(PYTHON) -m venv .venv
	$(PIP) $(ISOLATION) -e ".[dev]" $(DISTRIBUTIONS)
	$(COMPILE)
	touch .venv/.installed $@

# cnn-raw hears 16 kHz and takes small batches here, to learn something from 224 clips of 5 s in little time
demo: .venv/.installed
	$(BIN)/genrebench run svm-baseline cnn-raw mfcc-frames --dataset demo \
		--set cnn-raw.sample_rate=16000 --set cnn-raw.batch_size=50 --set cnn-raw.epochs=2
	$(BIN)/genrebench leaderboard --dataset demo

test: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

# what needs a GPU, and a torch built for CUDA
test-gpu: .venv/.dev
	$(BIN)/python -m pytest -m gpu -rs
	if $(BIN)/python -c "import sys, torch; sys.exit(not torch.cuda.is_available())"; then \
		$(BIN)/python benchmarks/cnn_training.py --device cuda --windows 1000 --steps 50 --json; \
	else echo "the benchmark is left out: torch finds no CUDA device here"; fi

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

docs: .venv/.dev
	$(BIN)/sphinx-build -W -b html docs docs/_build/html

wheels: .venv/.dev
	for part in . plugins/*; do $(BIN)/python -m build --outdir dist $$part; done

lock: .venv/.installed
	$(BIN)/python .ci/lock ".[dev]" $(PLUGINS) > requirements-new.txt
	mv requirements-new.txt requirements-ci.txt

clean:
	rm -rf .venv dist docs/_build docs/_drawn .mypy_cache .pytest_cache .ruff_cache .hypothesis
