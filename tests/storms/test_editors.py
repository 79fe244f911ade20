"""People save files by the hundred, with each editor's way to do it; nobody is told of half a file."""

from __future__ import annotations

import pytest

from .scene import PATIENT, SCALE, Scene, all_at, check

SAVES = {"vscode": 300, "vim": 300, "emacs": 300, "replace": 1000, "sed": 150}


@pytest.mark.parametrize("editor", SAVES)
def test_a_storm_of_saves(scene: Scene, editor: str) -> None:
    watcher, people = scene.watcher({"called": True}, {}), [scene.person(number) for number in (11, 12)]
    for _ in range(2):
        count = SAVES[editor] // 2 * SCALE
        all_at(*((person, "edits", {"editor": editor, "count": count}) for person in people))
        check(watcher)


def test_a_storm_of_overwrites_each_mixture_of_which_is_json(scene: Scene) -> None:
    watcher, person = scene.watcher({"called": True}, {}, patience=PATIENT), scene.person()
    for _ in range(2):
        person.ask("edits", editor="over", count=100 * SCALE, keys=10)
        check(watcher)


@pytest.mark.parametrize("editor", ["vscode", "vim", "emacs", "replace", "sed", "over"])
def test_one_save_is_one_event(scene: Scene, editor: str) -> None:
    watcher, person = scene.watcher(patience={"PUT_BACK": 30.0, "INVALID_AFTER": 30.0, **PATIENT}), scene.person()
    person.ask(editor, namespace="notes", key="a")
    watcher.ask("news")
    for _ in range(3):
        person.ask(editor, namespace="notes", key="a", size=300)
        assert [[kind for kind, _, _ in told] for told in watcher.ask("news")] == [["updated"]]
    check(watcher)


def test_editors_and_agents_all_at_once(scene: Scene) -> None:
    watcher = scene.watcher({"called": True}, {})
    people = {editor: scene.person(number) for number, editor in enumerate(SAVES, 11)}
    agents = [scene.agent(number) for number in (1, 2)]
    for _ in range(2):
        all_at(
            *((person, "edits", {"editor": editor, "count": 60 * SCALE}) for editor, person in people.items()),
            *((agent, "comings_and_goings", {"count": 300 * SCALE}) for agent in agents),
        )
        check(watcher)


def test_a_file_that_stays_half_written_is_invalid_and_again_when_it_is_whole(scene: Scene) -> None:
    watcher, person = scene.watcher({"called": True}), scene.person()
    person.ask("replace", namespace="notes", key="a")
    watcher.ask("news")
    person.ask("begin", namespace="notes", key="a")
    told: list[list[object]] = []
    while not told:
        [told] = watcher.ask("so_far")
    assert [kind for kind, _, _ in told] == ["invalid"]
    person.ask("finish")
    [told] = watcher.ask("news")
    assert [kind for kind, _, _ in told] == ["updated"]
    check(watcher)
