"""Forms: what fits gets no words, what does not fit gets them; the quick way and the wordy one never disagree."""

import itertools
import json
import random
import re

import orjson
import pytest

from acgs_load.traffic.checks.canaries import CANARY, foreign_canary, may_hold_canary
from acgs_load.traffic.checks.chain import ENTRY_FIELDS, entry_hash
from acgs_load.traffic.checks.forms import ANY, Field, Form

_TEXT = frozenset({str})
_ROW = (Field("id", frozenset({str, int})), Field("note", ANY))
_FORM = Form(
    (
        Field("name", _TEXT),
        Field("score", frozenset({int, float, type(None)})),
        Field("words", frozenset({list}), items=_TEXT),
        Field("marks", frozenset({dict}), items=frozenset({int})),
        Field("rows", frozenset({list}), inner=_ROW),
        Field("row", frozenset({dict, type(None)}), inner=()),
    )
)
_WHOLE = {"name": "n", "score": 1.5, "words": ["a"], "marks": {"x": 1}, "rows": [{"id": 1, "note": None}], "row": None}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"unknown": object()},
        {"score": None},
        {"words": [], "marks": {}, "rows": []},
        {"rows": [{"id": "a", "note": 1}, {"id": 2, "note": {}}]},
    ],
)
def test_what_fits_gets_no_words(change):
    """Every listed type is right, empty lists and unknown keys too."""
    assert _FORM.problem({**_WHOLE, **change}) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": None}, "name is NoneType"),
        ({"score": True}, "score is bool"),
        ({"words": ["a", 1]}, "words holds int"),
        ({"marks": {"x": 1, "y": True}}, "marks holds bool"),
        ({"rows": [1]}, "rows: holds int"),
        ({"rows": [{"id": 1, "note": 0}, {"id": None, "note": 0}]}, "rows: id is NoneType"),
        ({"rows": [{"id": 1}]}, "rows: note is missing"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    """The first field that is wrong, at any depth."""
    assert _FORM.problem({**_WHOLE, **change}) == words


@pytest.mark.parametrize("name", _WHOLE)
def test_a_missing_field_is_named(name):
    """Also one that may be null."""
    assert _FORM.problem({key: value for key, value in _WHOLE.items() if key != name}) == f"{name} is missing"


def test_forms_of_one_field_and_of_none():
    """They are compared like those of several."""
    single = Form((Field("is_valid", frozenset({bool})),))
    assert single.problem({"is_valid": True}) is None
    assert single.problem({"is_valid": 1}) == "is_valid is int"
    assert Form(()).problem({}) is None


_OWN = "canary-a-0123456789abcdef"
_PIECES = (
    _OWN,
    "canary-b-fedcba9876543210",
    "canary-b-fedcba987654321",
    "canary-",
    "x",
    "-",
    " ",
    "é",
    "\\",
    '"',
    "\n",
    "/",
    "b-fedcba9876543210",
)


@pytest.mark.parametrize("seed", range(40))
def test_canaries_in_bytes_are_those_in_decoded_strings(seed):
    """Whatever stands before and behind a canary, escaped or not: the scan of the body and the strings agree."""
    chance = random.Random(seed)
    texts = ["".join(chance.choices(_PIECES, k=chance.randint(1, 4))) for _ in range(6)]
    document = {texts[0]: [texts[1], {texts[2]: texts[3]}], "n": [1, None, texts[4]], "z": texts[5]}
    strings = [*document, texts[1], texts[2], texts[3], texts[4], texts[5]]
    found = {match[0] for text in strings for match in CANARY.finditer(text)} - {_OWN}
    plain = json.dumps(document).encode()
    for raw in (orjson.dumps(document), plain, json.dumps(document, indent=1).encode(), _escaped(document)):
        told = foreign_canary(raw, "a", [_OWN])
        assert told in found if found else told is None
        assert told is None or may_hold_canary(raw)


def _escaped(document):
    """Its JSON with every small letter as an escape; what is no text (null) may suffer, for nothing parses it."""
    spelled = json.dumps(document, ensure_ascii=False)
    letter = lambda match: match[0] if match[0][0] == "\\" else f"\\u{ord(match[0]):04X}"  # noqa: E731
    return re.sub(r"\\.|[a-z]", letter, spelled).encode()


def test_an_entry_hash_ignores_what_is_no_field_of_an_entry():
    """Exactly nine fields are hashed, however many there are."""
    entry = dict(zip(ENTRY_FIELDS, itertools.count(), strict=False))
    assert entry_hash(entry) == entry_hash({**entry, "extra": 1})
    assert entry_hash(entry) != entry_hash({**entry, "details": -1})
    with pytest.raises(KeyError):
        entry_hash({**dict.fromkeys(ENTRY_FIELDS[1:], 0), "extra": 1})
