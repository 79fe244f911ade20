"""Words as a shell reads them: what is made is read back, by us and by real shells; and lines that stop anywhere."""

from __future__ import annotations

import subprocess

import pytest

from fsstore.cli import shellwords
from fsstore.cli.shellwords import Typed

ODD = [
    "plain",
    "",
    "two words",
    "a:b/c",
    "it's",
    'say "hi"',
    "$HOME `id` $(id)",
    "back\\slash",
    "*?[a-z]{a,b}",
    "a;b|c&d<e>f(g)h",
    "~tilde",
    "#no comment",
    "-dash",
    "bang!",
    "é日本",
    "a=b@c,d%e+f^g",
]


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_what_is_typed_is_what_bash_reads(word: str, quote: str) -> None:
    typed = f"{quote}{shellwords.within(word, quote)}{quote}"
    if typed:
        done = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, text=True, check=True)
        assert done.stdout == word
        assert shellwords.read(f"x {typed}").words == ["x", word]


@pytest.mark.parametrize("word", [*ODD, "a\nb", "\x1b[31m", "\t'\\"])
def test_what_is_quoted_is_what_bash_reads(word: str) -> None:
    line = f"printf %s {shellwords.quote(word)}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == word


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("", Typed([""], "", 0)),
        ("fsstore", Typed(["fsstore"], "", 0)),
        ("fsstore ", Typed(["fsstore", ""], "", 0)),
        ("  fsstore  get\tk", Typed(["fsstore", "get", "k"], "", 0)),
        ("a b:c", Typed(["a", "b:c"], "", 2)),
        ("a b:", Typed(["a", "b:"], "", 2)),
        ("a b\\:c", Typed(["a", "b:c"], "", 0)),
        ("a 'b:c", Typed(["a", "b:c"], "'", 0)),
        ('a "b:c d', Typed(["a", "b:c d"], '"', 0)),
        ("a x:'b:c", Typed(["a", "x:b:c"], "'", 2)),
        ("a 'b c':d", Typed(["a", "b c:d"], "", 4)),
        ("a 'b c'd", Typed(["a", "b cd"], "", 3)),
        ('a "b\\"c\\d', Typed(["a", 'b"c\\d'], '"', 0)),
        ("a b\\", Typed(["a", "b"], "", 0)),
        ("a ''", Typed(["a", ""], "", 0)),
    ],
)
def test_a_line_as_far_as_it_is_typed(line: str, typed: Typed) -> None:
    assert shellwords.read(line, ":=") == typed
