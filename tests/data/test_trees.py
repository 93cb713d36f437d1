"""CoNLL-U: what is read of it, and where it is broken."""

import pytest

from mlalign.data.trees import Tree, is_tree, read_trees
from mlalign.errors import DataError

GOOD = """\
# sent_id = 1
# text = I haven't a clue.
1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t2:nsubj\t_
2-3\thaven't\t_\t_\t_\t_\t_\t_\t_\t_
2\thave\thave\tVERB\tVBP\t_\t0\troot\t_\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_
3.1\tunwritten\t_\t_\t_\t_\t_\t_\t_\t_
4\ta\ta\tDET\tDT\t_\t5\tdet\t_\t_
5\tclue\tclue\tNOUN\tNN\t_\t2\tobj:some\t_\tSpaceAfter=No
6\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_


1\tNo\tno\tINTJ\tUH\t_\t0\troot\t_\t_
"""


def test_words_heads_and_relations_are_read(tmp_path):
    path = tmp_path / "en.conllu"
    path.write_text(GOOD, encoding="utf-8")
    words = ("I", "have", "n't", "a", "clue", ".")
    relations = ("nsubj", "root", "advmod", "det", "obj", "punct")
    assert read_trees(path) == [Tree(words, (2, 0, 2, 5, 2, 2), relations, 3), Tree(("No",), (0,), ("root",), 13)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tnsubj\t2:nsubj\t_", "\tnsubj", r"line 3: expected 10 tab-separated fields, found 8"),
        ("\n3\tn't", "\n7\tn't", r"line 6: expected the word's number 3 in the sentence, found .7"),
        ("_\t5\tdet", "_\tx\tdet", r"line 8: expected a head from 0 to 6, found .x.; correct"),
        ("_\t5\tdet", "_\t7\tdet", r"line 8: expected a head from 0 to 6, found .7"),
        ("_\t5\tdet", "_\t4\tdet", r"line 3: expected a tree with one root in the sentence that begins here"),
        ("_\t5\tdet", "_\t0\tdet", r"line 3: expected a tree with one root"),
        (GOOD, "# nothing\n", r"no trees in it"),
    ],
)
def test_what_breaks_the_format_is_named_with_its_line(tmp_path, old, new, message):
    path = tmp_path / "en.conllu"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_trees(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.conllu: no such file"):
        read_trees(tmp_path / "none.conllu")


def test_a_tree_has_one_root_and_no_cycle():
    assert is_tree((0,))
    assert is_tree((2, 0, 2))
    assert not is_tree((2, 1))
    assert not is_tree((0, 0))
    assert not is_tree((0, 3, 2))
