PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
FIRST := outputs/first
EVERY := -m 'method=glob(*)' seed=1 trainer.progress=false
OPERATIONS := align.budget.unit=flops align.budget.amount=1.037e12
TUNINGS := xero_align,cross_align,code_switch,translate_train,consistency,model_consistency,self_training
SEEDS ?= 21,22,23,24,25
STUDIED := none,mlm,tlm,labse,ppa,centred,inter_sentence,literal,multilevel_v1,multilevel
PARTS := no_afm,no_lang,no_sent,no_intra,no_inter,no_word,no_mlm,no_dist,no_links
STUDY = $(BIN)/python train.py -m seed=$(SEEDS) trainer.progress=false $(LAUNCHER)
REAL = $(STUDY) experiment=study_real backbone.path=$(BACKBONE) data.root=$(ROOT)
REAL_PAIRS := output=multirun/study_real
REAL_OPERATIONS := output=multirun/study_real_operations align.budget.unit=flops align.budget.amount=1.80e13
RETRIEVAL := task=tatoeba_retrieval finetune.epochs=0 \
	'task.languages=[ar,bg,de,el,es,fr,hi,id,it,ja,ko,nl,pl,pt,ru,sw,th,tr,ur,vi,zh]'
ENTITIES := task=panx finetune.epochs=1 'task.languages=[en,de,es,nl,pl,ru]'
PARAPHRASE := task=tatopara data.parallel=[mozilla] data.max_pairs=20000 'task.languages=[en,de,es,fr,ja,ru]'
BENCHMARKS := step_cost vocabulary_head attention input finetuning adapters pruned_vocabulary cost_model gpu_check table

.DEFAULT_GOAL := help
.PHONY: help setup train test test-long check bench tables figures docs paper-scale comparison comparison-tuned study study-real clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

setup: $(READY)  ## create .venv with the pinned dependencies, their files checked by hash, once

$(READY): pyproject.toml constraints.txt hashes.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "mlalign needs Python 3.11, 3.12 or 3.13, found %d.%d: make PYTHON=python3.11 ..." % v)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r hashes.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

train: setup  ## the whole road on generated data, without alignment and with it: three minutes on two cores
	$(BIN)/python train.py method=none output=$(FIRST) resume=false
	$(BIN)/python train.py output=$(FIRST) resume=false
	@$(BIN)/python evaluate.py runs='$(FIRST)/**'

test: setup  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-long: setup  ## run the proofs that take minutes each and that `make test` leaves out
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m long

check: setup  ## lint, formatting, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup  ## measure speed beside what else there is, one script after another, and write docs/speed.md's tables
	@failed=; for one in $(BENCHMARKS); do \
		echo "benchmarks/$$one.py"; $(BIN)/python benchmarks/$$one.py || failed="$$failed $$one"; \
	done; test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

tables: setup  ## unpack the committed results of docs/results and write its tables from them
	$(BIN)/python docs/results/publish.py
	$(BIN)/python evaluate.py runs='docs/results/sample/**,docs/results/ablation/*/tiny-multilevel-seed*' output=docs/results/sample.txt
	$(BIN)/python evaluate.py runs='docs/results/sample/**,docs/results/ablation/*/tiny-multilevel-seed*' baseline=mlm output=docs/results/sample_against_mlm.txt
	$(BIN)/python evaluate.py runs='docs/results/dropout/**' output=docs/results/dropout.txt
	$(BIN)/python evaluate.py runs='docs/results/dropout/**' baseline=inter_sentence output=docs/results/dropout_against_inter_sentence.txt
	$(BIN)/python evaluate.py runs='docs/results/systems/**' every_system=true resamples=0 mixed_code=true output=docs/results/systems.txt
	$(BIN)/python evaluate.py runs='docs/results/systems/**' baseline=multilevel mixed_code=true output=docs/results/systems_against_multilevel.txt
	$(BIN)/python evaluate.py runs='docs/results/study/**' output=docs/results/study.txt
	$(BIN)/python evaluate.py runs='docs/results/study/**' baseline=inter_sentence output=docs/results/study_against_inter_sentence.txt
	$(BIN)/python evaluate.py runs='docs/results/study_operations/**' mixed_code=true output=docs/results/study_operations.txt
	$(BIN)/python evaluate.py runs='docs/results/study_operations/**' baseline=multilevel mixed_code=true output=docs/results/study_operations_against_multilevel.txt
	$(BIN)/python evaluate.py runs='docs/results/study_operations_before/**' baseline=multilevel output=docs/results/study_operations_before.txt
	$(BIN)/python evaluate.py runs='docs/results/study_operations_quarter/**' output=docs/results/study_operations_quarter.txt
	$(BIN)/python evaluate.py runs='docs/results/study_real_operations/**' baseline=multilevel mixed_code=true output=docs/results/study_real_operations.txt
	$(BIN)/python evaluate.py runs='docs/results/systems_operations/**' every_system=true resamples=0 output=docs/results/systems_operations.txt
	$(BIN)/python evaluate.py runs='docs/results/study_gpu/**' mixed_code=true output=docs/results/study_gpu.txt
	$(BIN)/python evaluate.py runs='docs/results/study_real/**' mixed_code=true output=docs/results/study_real.txt
	$(BIN)/python evaluate.py runs='docs/results/study_real/**' baseline=multilevel mixed_code=true output=docs/results/study_real_against_multilevel.txt
	$(BIN)/python evaluate.py runs='docs/results/ablation/**' table=ablation output=docs/results/ablation.txt
	$(BIN)/python evaluate.py runs='docs/results/real/**' output=docs/results/real.txt
	$(BIN)/python evaluate.py runs='docs/results/real/**' baseline=mlm output=docs/results/real_against_mlm.txt
	$(BIN)/python evaluate.py runs='docs/results/panx_open/**' output=docs/results/panx_open.txt
	$(BIN)/python evaluate.py runs='docs/results/panx_open/**' baseline=mlm output=docs/results/panx_open_against_mlm.txt
	$(BIN)/python evaluate.py runs='docs/results/longer/**' output=docs/results/longer.txt
	$(BIN)/python evaluate.py runs='docs/results/frozen/**' output=docs/results/frozen.txt
	$(BIN)/python evaluate.py runs='docs/results/longer_frozen/**' mixed_code=true output=docs/results/longer_frozen.txt
	$(BIN)/python evaluate.py runs='docs/results/longer_frozen/**' baseline=mlm mixed_code=true output=docs/results/longer_frozen_against_mlm.txt

paper-scale: setup  ## name the price of every row of the paper on an H100, an A100 and a T4
	$(BIN)/python train.py -m 'experiment=glob(table*)' card=h100,a100,t4 dry_run=true trainer.progress=false \
		> docs/results/paper_scale.txt

comparison: setup  ## every system on the sample, at equal pairs and at equal operations: hours; resumes
	-$(BIN)/python train.py $(EVERY) task=mldoc,panx output=multirun/equal_pairs
	-$(BIN)/python train.py -m tuning=$(TUNINGS) seed=1 task=mldoc,panx output=multirun/equal_pairs
	-$(BIN)/python train.py $(EVERY) task=mldoc,panx $(OPERATIONS) output=multirun/equal_operations
	$(BIN)/python evaluate.py runs='multirun/equal_pairs/**' every_system=true resamples=0
	$(BIN)/python evaluate.py runs='multirun/equal_operations/**' every_system=true resamples=0

comparison-tuned: setup  ## nine trials of every method on another sample, then the tuned rows beside the others: longer
	-$(BIN)/python train.py $(EVERY) task=mldoc 'trial=range(9)' data=another_sample output=multirun/trials
	$(BIN)/python evaluate.py runs='multirun/trials/**' tuned=multirun/tuned
	-$(BIN)/python train.py $(EVERY) task=mldoc,panx tuned=multirun/tuned output=multirun/equal_pairs
	$(BIN)/python evaluate.py runs='multirun/equal_pairs/**' every_system=true resamples=0

study: setup  ## the methods and the parts of the default on the sample, five seeds, equal pairs and operations; resumes
	-$(STUDY) method=$(STUDIED) task=mldoc,panx output=multirun/study
	-$(STUDY) ablation=$(PARTS) task=mldoc,panx output=multirun/study
	-$(STUDY) method=$(STUDIED) task=mldoc,panx $(OPERATIONS) output=multirun/study_operations
	-$(STUDY) ablation=$(PARTS) task=mldoc,panx $(OPERATIONS) output=multirun/study_operations
	$(BIN)/python evaluate.py runs='multirun/study/**' baseline=inter_sentence
	$(BIN)/python evaluate.py runs='multirun/study/**' baseline='multilevel no_word'
	$(BIN)/python evaluate.py runs='multirun/study_operations/**' baseline=inter_sentence

study-real: setup  ## that on a pretrained encoder and real text: make study-real BACKBONE=FOLDER ROOT=FOLDER; resumes
	-$(REAL) method=$(STUDIED) $(RETRIEVAL) $(REAL_PAIRS)
	-$(REAL) ablation=$(PARTS) $(RETRIEVAL) $(REAL_PAIRS)
	-$(REAL) method=$(STUDIED) $(REAL_PAIRS)
	-$(REAL) ablation=$(PARTS) $(REAL_PAIRS)
	-$(REAL) method=$(STUDIED) $(ENTITIES) $(REAL_PAIRS)
	-$(REAL) method=$(STUDIED) $(PARAPHRASE) $(REAL_PAIRS)
	-$(REAL) method=$(STUDIED) $(RETRIEVAL) $(REAL_OPERATIONS)
	-$(REAL) ablation=$(PARTS) $(RETRIEVAL) $(REAL_OPERATIONS)
	-$(REAL) method=$(STUDIED) $(REAL_OPERATIONS)
	-$(REAL) ablation=$(PARTS) $(REAL_OPERATIONS)
	-for run in multirun/study_real/panx/*/; do $(BIN)/python evaluate.py run=$$run task=wikineural; done
	-for run in multirun/study_real/panx/*/; do $(BIN)/python evaluate.py run=$$run task=uner 'task.languages=[en]'; done
	$(BIN)/python evaluate.py runs='multirun/study_real/**' baseline=inter_sentence
	$(BIN)/python evaluate.py runs='multirun/study_real_operations/**' baseline=multilevel
	-$(BIN)/python evaluate.py overlap='multirun/study_real/**' output=multirun/study_real/overlap.jsonl

figures: setup  ## draw the figures of docs/figures from the numbers that are committed beside them
	@for numbers in docs/figures/*.csv; do \
		$(BIN)/python evaluate.py figure=$$(basename $$numbers .csv) numbers=$$numbers output=docs/figures 'forms=[png]' || exit 1; \
	done

docs: setup  ## make a searchable site of docs/, the code's reference and every key in build/docs; the first time fetches its tools
	@$(BIN)/python -c 'import furo, myst_parser' 2>/dev/null || $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --require-hashes --no-deps -r docs/site/requirements.txt
	$(BIN)/python -m sphinx -q -W --keep-going -c docs/site -d build/doctrees . build/docs
	@echo 'open build/docs/index.html, or serve it: $(BIN)/python -m http.server --directory build/docs'

clean:  ## remove runs, generated data, pages, unpacked results and the environment
	rm -rf outputs multirun data build .venv docs/results/*/
