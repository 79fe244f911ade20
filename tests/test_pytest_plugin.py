"""The pytest plugin that ships: a ``store`` fixture on either engine, found by pytest without being asked for."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

STORE_IS_NEW = """
def test_one(store):
    assert store.list_namespaces() == []
    assert store.agent == "tester"
    store.set("k", 1)

def test_two(store):
    assert store.list_namespaces() == []
"""


@pytest.mark.parametrize(
    ("options", "where"),
    [([], ":memory:/"), (["--fsstore-engine=memory"], ":memory:/"), (["--fsstore-engine=files"], "/")],
)
def test_the_engine_is_chosen_on_the_command_line(pytester: pytest.Pytester, options: list[str], where: str) -> None:
    pytester.makepyfile(
        STORE_IS_NEW
        + f"""
def test_where(store, tmp_path):
    store.set("k", 1)
    assert store.info("k").path.startswith({where!r})
    assert (tmp_path / "store" / "default" / "k.json").exists() is {where == "/"}
"""
    )
    pytester.runpytest_subprocess("-q", *options).assert_outcomes(passed=3)


def test_one_test_on_both_engines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

@pytest.mark.parametrize("store", ["memory", "files"], indirect=True)
def test_both(store, request):
    store.set("k", 1)
    assert store.info("k").path.startswith(":memory:") is (request.node.callspec.params["store"] == "memory")
"""
    )
    result = pytester.runpytest_subprocess("-v", "--fsstore-engine=files")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*test_both?memory? PASSED*", "*test_both?files? PASSED*"])


def test_the_store_is_closed_after_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import fsstore
import pytest

kept = []

def test_keep(store):
    kept.append(store)

def test_closed():
    with pytest.raises(fsstore.Closed):
        kept[0].get("k")
"""
    )
    for engine in ("memory", "files"):
        pytester.runpytest_subprocess(f"--fsstore-engine={engine}").assert_outcomes(passed=2)


def test_the_help_names_the_option_and_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.runpytest_subprocess("--help").stdout.fnmatch_lines(["*--fsstore-engine=*memory,files*"])
    pytester.makepyfile("def test_nothing(): pass")
    fixtures = pytester.runpytest_subprocess("--fixtures", "-q")
    fixtures.stdout.fnmatch_lines(["store -- *pytest_plugin.py*", "*A new, empty store, closed after the test.*"])


def test_an_unknown_engine_is_refused(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--fsstore-engine=postgres")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*invalid choice: 'postgres'*"])
