"""Named entities: which spans a sequence of tags marks."""

from collections.abc import Sequence


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """Return ``(type, first word, last word)`` of every entity.

    The rules are conlleval's, which seqeval has as its default and XTREME reports: an ``I-`` that
    continues nothing, or an entity of another type, begins one. ``E-`` ends and ``S-`` is a whole
    entity. A prefix without a type marks entities of the type ``_``.

    Source: ``conlleval`` of CoNLL-2000, as in seqeval 1.2.2 ``get_entities``.
    """
    found = set()
    start = 0
    last_prefix, last_kind = "O", ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, kind = tag[0], tag[1:].split("-", maxsplit=1)[-1] or "_"
        changed = kind != last_kind
        if last_prefix in "ES" or (last_prefix in "BI" and prefix in "BSO") or (last_prefix not in "O." and changed):
            found.add((last_kind, start, position - 1))
        if prefix in "BS" or (last_prefix in "ESO" and prefix in "EI") or (prefix not in "O." and changed):
            start = position
        last_prefix, last_kind = prefix, kind
    return found
