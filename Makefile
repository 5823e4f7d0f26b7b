# make demo: the app on http://127.0.0.1:7860.  make test: everything that CI runs.
# make check: the part of it that takes about a minute: no browser, no database server, no training.
# .ci/with-postgres make test: the same with a PostgreSQL for the tests that need one.
# make bench: how fast it is here.  make screenshots: every state of the page, into build/screenshots.
PYTHON ?= python3.11
BIN := .venv/bin
PYTEST = $(BIN)/pytest --numprocesses auto --dist loadgroup

.PHONY: demo check lint fast test bench screenshots models

demo: .venv/.app
	$(BIN)/python app.py

check: .venv/.dev
	$(MAKE) --jobs 2 --output-sync lint fast

lint: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

fast: .venv/.dev
	$(PYTEST) -m "not slow"

test: lint
	$(PYTEST)

bench: .venv/.dev
	$(BIN)/python -m vclip bench

screenshots: .venv/.dev
	$(BIN)/python -m vclip.recipes.showcase.screenshots

# After a new VITS or new heads, everything of the bundled model that follows from them:
# make models DATA=FOLDER, a folder with voices, faces and pairs as docs/recipes.md lays them out.
models: .venv/.dev
	@test -n "$(DATA)" || { echo "make models DATA=FOLDER; docs/recipes.md says what is in it" >&2; exit 2; }
	$(BIN)/python -m vclip.recipes.generation.build_bank --manifest $(DATA)/voices/manifest.csv
	$(BIN)/python -m vclip.recipes.generation.describe_bank --manifest $(DATA)/voices/manifest.csv
	$(BIN)/python -m vclip.recipes.generation.fit_gmm
	$(BIN)/python -m vclip.recipes.generation.distill
	$(BIN)/python -m vclip.recipes.generation.reference_faces --utk $(DATA)/faces/utk.csv
	$(BIN)/python -m vclip.recipes.generation.assemble
	$(BIN)/python -m vclip.recipes.generation.reference_faces --pairs $(DATA)/pairs/avspeech.csv --split dev
	$(BIN)/python -m vclip.recipes.generation.assemble
	$(BIN)/python -m vclip.listening.build assets/studies/demo/recipe.json

.venv/.app: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

.venv/.dev: requirements-dev.txt .venv/.app
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
