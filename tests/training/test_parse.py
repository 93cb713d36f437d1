"""An encoder learns dependency trees before anything else."""

import json
import re
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch.utils.flop_counter import FlopCounterMode
from training.toy import aligner, sentences, without_dropout, write_trees
from typed import call

from mlalign.cost import parsing_operations, read_operations
from mlalign.data.sequences import SequenceBuilder
from mlalign.data.trees import Tree, read_trees
from mlalign.finetuning.parsing import ParsingModule, TreeText, encode_trees
from mlalign.models.encoder import Encoder

HEADS, RELATIONS = (2, 0, 2, 2), ("nsubj", "root", "obj", "advmod")
RUN = (
    "backbone=tiny", "backbone.width=32", "backbone.layers=1", "backbone.heads=2", "backbone.vocabulary_size=300",
    "data=files", "data.parallel=[toy]", "data.held_out=12", "align.steps=3", "align.batch_size=8",
    "align.max_length=32", "align.validations=1", "finetune.epochs=1", "finetune.max_length=32", "trainer=cpu",
    "trainer.progress=false", "trainer.precision=float32", "task=mldoc", "task.languages=[en,de]",
)  # fmt: skip


@pytest.fixture(scope="module")
def treebank(tmp_path_factory):
    return write_trees(tmp_path_factory.mktemp("trees") / "toy.conllu", 60)


def typed(toy, folder, *words):
    return call("train.py", [*RUN, f"data.root={toy}", f"data.cache={folder}/cache", *words], folder)


def test_it_runs_and_says_what_it_learned_from(toy, treebank, tmp_path):
    ended = typed(toy, tmp_path, "method=syntax_supervised", f"data.trees={treebank}", "parse.batch_size=8")
    assert ended.returncode == 0, ended.stderr
    (folder,) = (path for path in (tmp_path / "outputs" / "aligned").iterdir() if path.is_dir())
    made = OmegaConf.load(folder / "alignment.yaml")
    scores = made.scores
    assert made.computing.precision == "32-true"
    assert scores.uas >= scores.las > 90
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["reads"] == ["English labels", "treebank"]
    note = f"parse: 54 trees of toy.conllu; UAS {scores.uas}, LAS {scores.las} on 6 others"
    assert note in results["notes"]
    assert results["data"][str(treebank)]["rows"] == 60
    assert results["budget"]["amount"] is None
    assert (
        results["budget"]["stages"]["parse"]["sentences"]
        == 54 * OmegaConf.load(path.parent / "config.yaml").parse.epochs
    )
    again = typed(toy, tmp_path, "method=syntax_supervised", f"data.trees={treebank}", "parse.batch_size=8", "seed=2",
                  "align.seed=1")  # fmt: skip
    assert f"Found the encoder {folder.relative_to(tmp_path)}" in again.stderr + again.stdout


def test_the_sentences_of_a_diverged_update_are_named_by_file_and_line(toy, treebank, tmp_path):
    words = ["method=syntax_supervised", f"data.trees={treebank}", "parse.learning_rate=1e30", "parse.batch_size=8"]
    ended = typed(toy, tmp_path, *words, "align.max_grad_norm=null", "align.warmup=0")
    assert ended.returncode == 2
    assert re.search(r"parse: \w+ is non-finite since update \d+, which learned from 8 rows in en \(", ended.stderr)
    assert "Lower parse.learning_rate or set align.max_grad_norm" in ended.stderr
    (kept,) = tmp_path.rglob("diverged.json")
    rows = json.loads(kept.read_text(encoding="utf-8"))["rows"]
    lines = treebank.read_text(encoding="utf-8").splitlines()
    assert f"{treebank}, line {rows[0]['line']}; " in ended.stderr
    for row in rows:
        assert [line.split("\t")[1] for line in lines[row["line"] - 1 :][: len(row["words"])]] == row["words"]


def test_an_alignment_goes_on_from_the_parser(toy, treebank, tmp_path):
    words = ["method=inter_sentence", "method.stages=[parse,align]", f"data.trees={treebank}", "parse.epochs=1"]
    ended = typed(toy, tmp_path, *words)
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("outputs/mldoc/*/results.json")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["reads"] == ["English labels", "parallel text", "treebank"]
    made = OmegaConf.load(tmp_path / results["aligned"] / "alignment.yaml")
    before = tmp_path / "outputs" / "aligned" / made.recipe.backbone.encoder
    assert OmegaConf.load(before / "alignment.yaml").recipe.stage == "parse"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no trees: method.stages has parse, and data.trees=null names no file"),
        (["data.trees=nowhere.conllu"], "no trees: data.trees=nowhere.conllu: no such file"),
        (["data.trees=nowhere.conllu", "parse.held_out=1"], "parse.held_out=1.0: expected a share in (0, 1)"),
    ],
)
def test_without_trees_it_is_refused_before_anything_is_loaded(toy, tmp_path, words, message):
    ended = typed(toy, tmp_path, "method=syntax_supervised", *words)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert not (tmp_path / "cache").exists()


@pytest.fixture
def parsing(toy):
    """A module in float64, and a text of trees of different lengths."""
    maker = aligner(toy, "method=none")
    model, tokenizer = maker.backbone.load("eager")
    builder = SequenceBuilder(tokenizer, {}, max_length=32)
    one, two = (text.split() for text in sentences(2))
    trees = [
        Tree((*one,), HEADS, RELATIONS),
        Tree((*two, *one), (2, 0, 2, 2, 6, 2, 6, 6), (*RELATIONS[:1], "root", *RELATIONS[2:], *RELATIONS[:1], "obj",
                                                       *RELATIONS[2:])),
    ]  # fmt: skip
    encoded = encode_trees(trees, builder)
    torch.manual_seed(0)
    module = ParsingModule(
        Encoder(model, pool="mean"), sorted(RELATIONS), encoded,
        learning_rate=1e-3, steps=1, warmup=0.0, max_grad_norm=None, seed=0,
    )  # fmt: skip
    without_dropout(module)
    for weight in module.parser.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    module.is_reported = lambda place: False  # it has no trainer
    return module.double(), TreeText(encoded, sorted(RELATIONS), builder, Path("toy.conllu"))


def test_the_loss_is_both_cross_entropies_a_mean_over_words(parsing):
    module, text = parsing
    module.arcs = lambda *given: ParsingModule.arcs(module, *given).double()
    costs = []
    for place, (_, numbers, tree) in enumerate(text.trees):
        alone = text[[place]]
        states = module.encoder(alone.subwords)[0]
        words = torch.stack(
            [
                torch.stack([state for state, number in zip(states, numbers, strict=False) if number == word]).mean(0)
                for word in range(1, len(tree.heads) + 1)
            ]
        )
        ends = torch.stack([states[0], *words])
        for word, head, relation in zip(words, tree.heads, tree.relations, strict=True):
            arcs = module.parser.arc(word[None], ends)[0, :, 0]
            kinds = module.parser.relation(word[None], ends[head][None])[0, 0]
            right = sorted(RELATIONS).index(relation)
            costs.append(arcs.exp().sum().log() - arcs[head] + kinds.exp().sum().log() - kinds[right])
    assert len(costs) == 12
    loss = module.training_step(text[[0, 1]], 0)
    torch.testing.assert_close(loss.double(), torch.stack(costs).mean(), rtol=1e-5, atol=1e-5)


def test_the_operations_of_a_tree_are_those_that_torch_counts(parsing):
    module, text = parsing
    batch, (tree, *_) = text[[0, 0]], text.trees
    with FlopCounterMode(display=False) as counter:
        module.training_step(batch, 0).backward()
    lengths, words = [len(tree.sequence.ids)] * 2, [len(tree.tree.heads)] * 2
    encoder = read_operations(module.encoder.backbone.base_model, lengths)
    assert counter.get_total_flops() == encoder + parsing_operations(words, 32, 4)


def test_gold_scores_give_gold_trees(parsing, treebank):
    module, text = parsing
    batch = text[[0, 1]]
    gold = torch.nn.functional.one_hot(batch.heads.clamp(min=0), batch.heads.shape[1] + 1).double()
    module.arcs = lambda *_: gold
    module.parser.relations = lambda *_: torch.nn.functional.one_hot(batch.relations.clamp(min=0), 4)
    module.log_dict = lambda *_, **__: None
    module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    assert module.scores == {"uas": 100.0, "las": 100.0}
    assert len(read_trees(treebank)) == 60


def test_a_sentence_that_does_not_fit_is_left_out(parsing):
    _, text = parsing
    short = SequenceBuilder(text.builder.tokenizer, {}, max_length=len(text.trees[0].sequence.ids))
    assert len(encode_trees([one.tree for one in text.trees], short)) == 1
