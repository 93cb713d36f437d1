"""Entities of HTML are what HTML says, and nothing else is taken for one."""

import html
import logging
from html.entities import html5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlalign.config.schema import Train
from mlalign.data.markup import decoded, has_entity
from mlalign.stages.parallel_text import ParallelText


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom &amp; Jerry&#39;s &quot;x&quot;", 'Tom & Jerry\'s "x"'),
        ("&amp;quot;a&amp;quot;", '"a"'),
        ("&lt;b&gt; &#x27;&nbsp;&eacute;", "<b> '\xa0é"),
        ("R&D; AT&T; x?a=1&copy=2 &unknown; & ; &;", None),
        ("&#; &#xzz; 1 &lt 2", None),
    ],
)
def test_known_entities_alone_are_decoded(text, expected):
    assert decoded(text) == (text if expected is None else expected)
    assert has_entity(text) == (expected is not None)


def test_every_name_of_the_standard_is_known():
    names = [f"&{name}" for name in html5 if name.endswith(";")]
    assert all(map(has_entity, names))
    assert list(map(decoded, names)) == list(map(html.unescape, names))


@given(st.text())
def test_escaped_text_comes_back_and_plain_text_stays(text):
    plain = text.replace("&", "+")
    assert decoded(plain) == plain
    assert decoded(html.escape(plain)) == plain


def test_parallel_text_is_read_as_it_is_and_counted_once(tmp_path, caplog):
    path = tmp_path / "parallel" / "c" / "en-de.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("a &amp; b\tc\nd\te\nf\t&#39;g\n")
    config = Train()
    config.data.root, config.data.parallel = str(tmp_path), ["c"]
    text = ParallelText(config)
    with caplog.at_level(logging.WARNING):
        assert text.log_files() == ({str(path): 3}, [])
        assert list(text.pairs_in(path)) == [("a &amp; b", "c"), ("d", "e"), ("f", "&#39;g")]
    assert caplog.text.count("HTML entities such as &amp;, which are taken as text: 2 of 3") == 1
