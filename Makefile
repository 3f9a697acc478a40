# make demo      trains and evaluates every model on its sample
# make test      the whole test suite
# make test-gpu  the tests for a machine with a GPU, in .venv-gpu or with GPU_PYTHON=python3
# make results-quick  compares the models on the samples: results/quick/results.html
# make results   compares them on the real data, which takes a night: RESULTS.md, results.html
# make fuzz      looks for inputs that break it; FUZZ_SECONDS says for how long, each of its parts
# All make a virtual environment of their own first. PYTHON says which Python makes it.
PYTHON ?= python3
LEGACY_PYTHON ?= $(PYTHON)
VENV := .venv
LEGACY := .venv-legacy
GPU := .venv-gpu

.PHONY: demo test test-legacy test-gpu results results-quick fuzz lint sample clean

demo: $(VENV)/.requirements
	$(VENV)/bin/python tools/demo.py

test: $(VENV)/.requirements-dev
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

# Paddle 2.6: the newest paddlepaddle-gpu on PyPI is of this version. Left out is what does not
# depend on Paddle's version. These are tests of configurations and of commands that start others.
test-legacy: $(LEGACY)/.requirements-legacy
	$(LEGACY)/bin/python -m pytest -n auto --dist loadfile tests/models tests/engine tests/commands tests/contract \
	  --ignore=tests/engine/config --ignore=tests/commands/test_benchmark.py --ignore=tests/commands/test_new_model.py

# GPU_PYTHON names a Python that has Paddle, its CPU build too, and onnxruntime-gpu; then nothing is
# installed. One process: the tests share the card.
test-gpu: $(if $(GPU_PYTHON),,$(GPU)/.requirements-gpu)
	$(or $(GPU_PYTHON),$(GPU)/bin/python) -m pytest tests/gpu

results-quick: $(VENV)/.requirements-visual
	$(VENV)/bin/python tools/compare.py -m models/multitask/results.yaml --matrix quick

# After the run.sh of datasets/census, kuairand, adult and Multi_MNIST_DselectK. Stopped, it goes on.
results: $(VENV)/.requirements-visual
	$(VENV)/bin/python tools/compare.py -m models/multitask/results.yaml --matrix full

FUZZ_SECONDS ?= 60
fuzz: $(VENV)/.requirements-dev
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(VENV)/bin/python -m pytest tests/fuzz

lint: $(VENV)/.requirements-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# Generates the committed samples again; the models' config.yaml read them.
sample: $(VENV)/.requirements
	for name in census ali_ccp Multi_MNIST_DselectK; do \
	  $(VENV)/bin/python -m datasets.$$name.sample --output_dir datasets/$$name/sample_data || exit; \
	done

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "error: $(PYTHON) is not Python 3.9 to 3.13; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(LEGACY)/bin/python:
	@$(LEGACY_PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "error: Paddle 2.6 needs Python 3.9 to 3.12: make test-legacy LEGACY_PYTHON=python3.11"; exit 2; }
	$(LEGACY_PYTHON) -m venv $(LEGACY)

$(GPU)/bin/python:
	@$(LEGACY_PYTHON) -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))' || \
	  { echo "error: Paddle 2.6 needs Python 3.9 to 3.12: make test-gpu LEGACY_PYTHON=python3.11"; exit 2; }
	$(LEGACY_PYTHON) -m venv $(GPU)

$(VENV)/.requirements: requirements.txt | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install -q -r requirements.txt
	@touch $@

$(VENV)/.requirements-visual: requirements-visual.txt $(VENV)/.requirements
	$(VENV)/bin/python -m pip install -q -r requirements-visual.txt
	@touch $@

$(VENV)/.requirements-dev: requirements-dev.txt requirements-deploy.txt requirements-table.txt requirements-visual.txt requirements-search.txt $(VENV)/.requirements
	$(VENV)/bin/python -m pip install -q -r requirements-dev.txt
	@touch $@

$(LEGACY)/.requirements-legacy: requirements-legacy.txt | $(LEGACY)/bin/python
	$(LEGACY)/bin/python -m pip install -q -r requirements-legacy.txt
	@touch $@

$(GPU)/.requirements-gpu: requirements-gpu.txt requirements-test-gpu.txt | $(GPU)/bin/python
	$(GPU)/bin/python -m pip install -q -r requirements-gpu.txt -r requirements-test-gpu.txt
	@touch $@

clean:
	rm -rf $(VENV) $(LEGACY) $(GPU)
