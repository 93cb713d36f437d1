"""The sample's English trees: the realiser's own words, each with one head."""

from collections import Counter

import pytest

from mlalign.data.sample.choices import Choices
from mlalign.data.sample.documents import documents
from mlalign.data.sample.entities import entity_sentence
from mlalign.data.sample.trees import ENGLISH, sentence_branch, treebank
from mlalign.data.trees import Tree, is_tree, read_trees


@pytest.fixture(scope="module")
def plans():
    choices = Choices(3, "trees")
    found = [plan for _, some in documents(choices, 150) for plan in some]
    return found + [entity_sentence(choices) for _ in range(150)]


def test_a_tree_has_the_words_of_the_sentence_and_is_one(plans):
    for plan in plans:
        tree = sentence_branch(plan)
        assert list(tree.words) == [word.text for word in ENGLISH.words(plan)]
        assert is_tree([head + 1 for head in tree.heads]), tree


def test_every_clause_has_a_verb_with_its_subject(plans):
    for plan in plans:
        tree = sentence_branch(plan)
        counts = Counter(tree.relations)
        clauses = 1 + (plan.side is not None and plan.connective is not None)
        assert counts["root"] == 1
        assert counts["nsubj"] == clauses
        assert counts["advcl"] == counts["mark"] == clauses - 1
        for head, relation in zip(tree.heads, tree.relations, strict=True):
            if relation in ("nsubj", "obj", "aux"):
                assert tree.relations[head] in ("root", "advcl")


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "en.conllu"
    path.write_text("".join(treebank(Choices(1, "trees"), 20)), encoding="utf-8")
    expected = [sentence_branch(plan) for _, plans in documents(Choices(1, "trees"), 20) for plan in plans]
    assert [tree._replace(line=0) for tree in read_trees(path)] == [
        Tree(tree.words, tuple(head + 1 for head in tree.heads), tree.relations) for tree in expected
    ]
