"""The sample's nouns as a reader would write them."""

import pytest

from mlalign.data.sample.dictionary import noun_pairs


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "Lehrer"), ("es", "maestro"), ("fr", "professeur"), ("ru", "учитель"), ("zh", "教师")],
)
def test_a_noun_has_its_plain_translation(language, expected):
    pairs = dict(noun_pairs(language))
    assert pairs["teacher"] == expected
    assert len(pairs) == len(noun_pairs(language)) > 150
    assert not any(set(word) & set("_^*{}[]") for pair in pairs.items() for word in pair)
    assert not any(word.split()[0] in ("m", "f", "n", "mw") for word in pairs.values())
