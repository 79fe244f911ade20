"""Words of texts and questions about them, without an index and with one."""

from __future__ import annotations

import pytest

from fsstore import InvalidValue, Store, UnsupportedType
from fsstore.finding import words

TEXTS = {
    "plain": "The quick brown fox",
    "accents": "Crème BRÛLÉE, Straße und Ångström",
    "code": "see src/main.py or snake_case_name and C++17",
    "other": "Привет мир 日本語 ½ ﬁne",
    "twice": "fox quick brown",
    "long": "x" * 5000,
    "longer": "x" * 6000 + " end",
    "marks": 'say "yes" * AND OR NOT NEAR(a b) ^ : -',
    "split": "emoji😀between",
    "zero": "a\0b",
}
QUESTIONS = {
    "quick fox": ["plain", "twice"],
    '"quick brown"': ["plain", "twice"],
    '"brown quick"': [],
    '"quick fox"': [],
    "QUICK": ["plain", "twice"],
    "qui": [],
    "qui*": ["plain", "twice"],
    '"the qui"*': ["plain"],
    "creme": ["accents"],
    "BRULEE": ["accents"],
    "strasse": ["accents"],
    "STRASSE": ["accents"],
    "ångström angstrom": ["accents"],
    "main.py": ["code"],
    "py.main": [],
    "snake_case": ["code"],
    "case_snake": [],
    "c++17": ["code"],
    "ПРИВЕТ": ["other"],
    "прив*": ["other"],
    "日本語": ["other"],
    "日*": ["other"],
    "fine": ["other"],
    '"1 2"': ["other"],
    "x" * 2000: ["long", "longer"],
    "end": ["longer"],
    "AND OR": ["code", "marks"],
    "NEAR(a b)": ["marks"],
    "yes": ["marks"],
    '"unbalanced': [],
    '"say yes': ["marks"],
    "emoji between": ["split"],
    "emojibetween": [],
    "a b": ["marks", "zero"],
    "^quick": ["plain", "twice"],
    "title:quick": [],
}


def test_questions(store: Store) -> None:
    store.set_many({key: {"title": text, "not": "quick everywhere"} for key, text in TEXTS.items()})
    for question, expected in QUESTIONS.items():
        found = store.find(text=question)
        assert [hit.key for hit in found] == sorted(expected), question


def test_where_text_is_looked_for(store: Store) -> None:
    store.set_many(
        {
            "both": {"title": "one", "body": {"deep": ["two", {"er": "three four"}], "n": 5}},
            "else": {"other": "one two three"},
        }
    )
    assert [hit.key for hit in store.find(text="one two")] == ["both"]
    assert [hit.key for hit in store.find(text='"three four"')] == ["both"]
    assert [hit.key for hit in store.find(text='"one two"')] == []  # two strings do not follow one another
    assert [hit.key for hit in store.find(text='"two three"')] == []
    assert [hit.key for hit in store.find(text="deep")] == []  # names of members are no text
    assert [hit.key for hit in store.find({"other": "one two three"}, text="one")] == []
    store.index("n")
    assert [hit.key for hit in store.find(text="one two")] == ["both", "else"]  # now anywhere


@pytest.mark.parametrize("question", ["", "  ", '""', "*", "-- !", "\0"])
def test_a_question_without_a_word(store: Store, question: str) -> None:
    with pytest.raises(InvalidValue, match="no word"):
        store.find(text=question)


def test_a_question_that_is_no_text(store: Store) -> None:
    with pytest.raises(UnsupportedType):
        store.find(text=["word"])  # type: ignore[arg-type]


def test_words_of_a_text() -> None:
    assert words.words("It's 3.14, naïve_café!") == ["it", "s", "3", "14", "naive", "cafe"]
