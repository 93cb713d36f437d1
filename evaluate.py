"""Compare finished runs, score one of them again, predict with it or export it, or link words by an aligned encoder.

python evaluate.py runs='outputs/**'                      mean and spread over seeds, tests
python evaluate.py runs='multirun/**' baseline=mlm paper=true
python evaluate.py runs='multirun/**' table=ablation format=[text,latex,csv] output=tables/main
python evaluate.py runs='outputs/**' figure=confusion     the paper's figures: docs/figures
python evaluate.py runs='multirun/NAME/**' report=FOLDER  a page with tables, figures and cases
python evaluate.py runs='multirun/NAME/**' tuned=FOLDER   settings chosen among trials
python evaluate.py run=DIR task.languages=[zh] split=dev selection=last data.root=ELSEWHERE
python evaluate.py run=DIR predict=FILE language=de       labels for texts without: lines, .tsv, .jsonl or - (stdin)
python evaluate.py run=DIR export=transformers output=FOLDER language=de    a folder for transformers.pipeline
python evaluate.py verify=DIR                             is a run what its files say: status 0, or 1
python evaluate.py overlap='outputs/**' output=FILE       is test text in what was aligned on: status 0, or 1
python evaluate.py align_words=FILE encoder=FOLDER languages=[en,de] output=LINKS gold=GOLD
python evaluate.py report= --help                         every key of a question; so tuned=, run=, figure=
"""

import sys

from mlalign.commands.evaluation import select_command
from mlalign.config.hydra import Command

if __name__ == "__main__":
    Command(*select_command(sys.argv[1:]), about=__doc__).run()
