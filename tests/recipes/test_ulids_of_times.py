"""ULIDs that are made for a time: their order, and that no two are alike, also after a fork."""

from __future__ import annotations

from pathlib import Path

import pytest
from files.children import in_child

from fsstore.recipes import ulids

AT = 1_795_000_000.123456


def test_one_has_the_form_and_the_time_of_the_specification() -> None:
    made = ulids.make_at(1_469_918_176.385)
    assert made[:10] == "01ARYZ6S41"  # the example of github.com/ulid/spec
    assert ulids.is_ulid(made)
    assert ulids.seconds_of(made) == 1_469_918_176.385


@pytest.mark.parametrize("text", ["", "mine", "01ARYZ6S41", "81ARYZ6S41TSV4RRFFQ69G5FAV", "01ARYZ6S41TSV4RRFFQ69G5FAU"])
def test_what_is_none(text: str) -> None:
    assert not ulids.is_ulid(text)


def test_those_of_one_instant_sort_as_they_were_made() -> None:
    made = [ulids.make_at(AT) for _ in range(10_000)]
    assert made == sorted(set(made))


def test_those_of_later_microseconds_are_larger() -> None:
    made = [ulids.make_at(AT + number / 1e5) for number in range(2000)]
    assert made == sorted(set(made))


def test_those_of_an_earlier_time_are_smaller_whenever_they_are_made() -> None:
    late, early, later = ulids.make_at(AT + 5), ulids.make_at(AT), ulids.make_at(AT + 5)
    assert early < min(late, later)


def test_the_bound_parts_those_that_are_due_from_those_that_are_not() -> None:
    made = [ulids.make_at(AT + number / 1000) for number in range(-3, 4)]
    assert [one[:10] <= ulids.first_of(AT)[:10] for one in made] == [True] * 4 + [False] * 3


@pytest.mark.parametrize("at", [-1.0, 2.0**48])
def test_times_that_have_none(at: float) -> None:
    with pytest.raises(ValueError, match="no time that a ULID has"):
        ulids.make_at(at)


def test_a_forked_child_does_not_count_on_where_its_parent_does(tmp_path: Path) -> None:
    ulids.make_at(AT)

    def child() -> None:
        (tmp_path / "child").write_text(" ".join(ulids.make_at(AT) for _ in range(100)))

    in_child(child)
    here = {ulids.make_at(AT) for _ in range(100)}
    assert here.isdisjoint((tmp_path / "child").read_text().split())


def test_a_flaw_is_seen_a_child_that_counts_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ulids, "_mints", {})
    ulids.make_at(AT)
    (mint,) = ulids._mints.values()

    def child() -> None:
        (tmp_path / "child").write_text(mint.make_at(AT))

    in_child(child)
    assert ulids.make_at(AT) == (tmp_path / "child").read_text()
