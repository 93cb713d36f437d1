"""A finished run as a folder that plain transformers opens, where its classes can compute the same."""

from pathlib import Path
from string import Template

import torch
from torch import nn
from transformers import AutoTokenizer, PreTrainedModel

from mlalign.config.commands import Export
from mlalign.data.readers.records import RawText, texts_of
from mlalign.errors import ConfigError, DataError
from mlalign.files import replacing
from mlalign.inference.languages import chosen_language
from mlalign.models.backbone import language_token, quiet_transformers
from mlalign.models.encoder import Encoder
from mlalign.models.pruned_vocabulary import pruned_from
from mlalign.models.task_export import build_classifier, build_tokenizer, obstacles
from mlalign.stages.reopen import OpenedRun, load_run

CLOSE = 1e-5  # of probabilities, before and after
INSTEAD = "Any run predicts with mlalign.inference.Classifier.from_run or evaluate.py predict=FILE"
PROBES = (
    "Yes.",
    "The market falls, and the river rises by 3.5 per cent.",
    "Die Königin reist am 9. November nach Saint-Étienne!",
    "Курс акций сегодня падает.",
    "市场今天下跌了。",
    "word " * 600,
)
TEXTS = """\
```python
from transformers import pipeline

classify = pipeline("text-classification", FOLDER, truncation=True, top_k=None)
classify([$text])
```
"""
WORDS = """\
```python
import re

from transformers import pipeline

tag = pipeline("token-classification", FOLDER, aggregation_strategy="none", ignore_labels=[])
text = "Marie Curie was born in Warsaw ."  # words, punctuation apart, with a space between
tags = tag(text)
for word in re.finditer(r"\\S+", text):
    own = [one for one in tags if word.start() - 1 <= one["start"] < word.end()]  # some have the space in front
    print(word[0], *[f"{one['entity']} {one['score']}" for one in own[:1]])
```

A word's tag is that of its first subword. `aggregation_strategy="first"` groups the words, but takes a subword that is
only the space in front of a word for a word of its own.
"""
TAGS_CUT = ", where the run tags longer sentences in pieces: words behind get no tag"
PAIR_CUT = "; of a pair that is too long another subword may be left out than in the run"
PRUNED = """

Its vocabulary was cut to the pieces of the text that the run read (`backbone.prune_vocabulary=true`): in other text
words fall into more pieces, of which it may know little."""
CARD = Template("""\
---
library_name: transformers
pipeline_tag: $pipeline
---

# $name

$labels. Made by mlalign from $backbone (method $method, seed $seed), which read $reads. Test scores of the run, in per
cent: $scores. Licences of the backbone and of the data still hold.

$notes
$usage
The tokenizer $language, and cuts a text to $length subwords$cut.$pruned
""")


def export(settings: Export) -> Path:
    """Write the folder, open it again and compare it with the run; says where it is.

    Raises:
        ConfigError: the output is there already, or no class of transformers computes the same.
        DataError: the run cannot be opened, or the folder does not do what the run does.
    """
    folder = Path(settings.output)
    if folder.exists():
        raise ConfigError(f"output={folder}: expected the name of a new folder, found something of that name")
    quiet_transformers()
    run = load_run(Path(settings.run), selection=settings.selection)
    refuse_obstacles(run)
    code = chosen_language(run, settings.language)
    encoder, head = run.encoder, run.module.head
    assert isinstance(encoder, Encoder)
    assert isinstance(head, nn.Linear)
    task, layout = run.module.task, run.layout
    model = build_classifier(encoder, head, task.labels, on_tokens=task.on_tokens)
    token = language_token(layout.token_language(code)) if layout.language_tokens else None
    tokenizer = build_tokenizer(
        layout.tokenizer, language_token=token, max_length=layout.max_length, separators=layout.separators
    )
    with replacing(folder) as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        (part / "README.md").write_text(card(run, code), encoding="utf-8")
        require_same(run, part, type(model), code)
    print(f"written  {folder}")
    return folder


def refuse_obstacles(run: OpenedRun) -> None:
    """Refuse a run that only this package can compute."""
    task, settings = run.module.task, run.config.finetune
    seen = settings.representation.value
    reasons = obstacles(run.encoder, run.module.head, representation=seen, on_tokens=task.on_tokens)
    if task.pipeline is None:
        reasons = ["it has no pipeline for this type of task"]
    if settings.windows:
        reasons.append("a long text is read in windows (finetune.windows=false cuts it)")
    if reasons:
        raise ConfigError(
            f"export=transformers: no class there computes what {run.folder} does: {'; '.join(reasons)}. {INSTEAD}"
        )


@torch.inference_mode()
def require_same(run: OpenedRun, folder: Path, kind: type[PreTrainedModel], language: str) -> None:
    """Open the folder as others will, and compare ids and probabilities of some texts with what the run makes of them.

    Left out is what both cut in their own ways: sentences with tags, which the run reads in pieces, and pairs.
    """
    module, task, layout = run.module.float(), run.module.task, run.layout
    model = kind.from_pretrained(folder, trust_remote_code=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    is_pair = run.config.task.reads_pairs
    for text in PROBES:
        example = task.unlabelled(RawText("", (text, text) if is_pair else (text,)), language)
        first, *others = task.encode([example], language, layout)
        if others or (is_pair and first.sequence.is_cut):
            continue
        given = tokenizer(*texts_of(example), truncation=True, return_tensors="pt")
        fault = ""
        if given["input_ids"][0].tolist() != first.sequence.ids:
            fault = f"in {language} its tokenizer cuts {text[:40]!r} into other subwords"
        else:
            own = module(task.collate([first], language, layout))
            found, expected = (one.softmax(-1) for one in (model(**given).logits, own))
            if not torch.allclose(found, expected, rtol=0, atol=CLOSE):
                fault = f"its probabilities for {text[:40]!r} differ by {float((found - expected).abs().max()):.1e}"
        if fault:
            raise DataError(f"export=transformers: {fault}; nothing was written. {INSTEAD}")


def card(run: OpenedRun, language: str) -> str:
    """The README of a model, with what a user must know."""
    results, task, layout = run.results, run.module.task, run.layout
    if task.on_tokens:
        usage, cut = WORDS, TAGS_CUT
    elif run.config.task.reads_pairs:
        usage = Template(TEXTS).substitute(text='{"text": "A first text.", "text_pair": "A second text."}')
        cut = PAIR_CUT
    else:
        usage, cut = Template(TEXTS).substitute(text='"A text."'), ""
    said = "treats all languages alike"
    if layout.language_tokens:
        token = language_token(layout.token_language(language))
        said = f"puts the token {token} in front of every text (export again for another language)"
    return CARD.substitute(
        pipeline=task.pipeline,
        name=results.name,
        labels=f"Labels of {results.task}: {', '.join(task.labels)}",
        backbone=run.config.backbone.name,
        method=results.method,
        seed=results.seed,
        reads=", ".join(results.reads or ()) or "labels",
        scores=", ".join(f"{one} {score:.1f}" for one, score in results.scores.items()),
        notes="".join(f"* {note}\n" for note in results.notes),
        usage=usage,
        language=said,
        length=layout.max_length,
        cut=cut,
        pruned=PRUNED if isinstance(run.encoder, Encoder) and pruned_from(run.encoder.backbone) else "",
    )
