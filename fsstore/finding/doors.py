"""The verbs of searching, as handles have them. What they do is done elsewhere, imported when it is first wanted."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fsstore.coordinated import Coordinated
from fsstore.reading import text_or_all

if TYPE_CHECKING:
    from fsstore.finding.results import Found, Hit, Match


class Searchable(Coordinated, ABC):
    """What a handle of one namespace has."""

    __slots__ = ()

    def find(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        text: str | None = None,
        prefix: str | None = None,
        limit: int | None = 100,
        after: str | None = None,
        verify: bool = False,
    ) -> Found[Hit]:
        """The keys whose values meet all conditions, sorted; at most ``limit`` past ``after``.

        ``where={"a.b": 3}`` wants the member ``b`` of ``a`` to be 3, ``{"a.b": {"gte": 3, "lt": 5}}`` names operators:
        eq, ne, gt, gte, lt, lte, in, contains, prefix, exists. Types are strictly apart. In paths a number is an index
        of a list, and a backslash makes a dot part of a name. ``text`` are words that must all occur, in any
        case, in the text fields that `index` names, or anywhere in the value; in quotes they must follow one another,
        ``word*`` leaves the end open.

        With an index for one of the fields, or for the text, only its candidates are read; each is looked at again, so
        that no hit is wrong. Nothing is missed that was written through the store, made, renamed or deleted. What was
        edited in place, without a rename, is not missed while this process watches the store; else it is found after
        the next look at all files (the setting ``sweep_seconds``, 60), or at once with ``verify``. Without an
        index every file is read, which gives the same. Values are read one after the other, not at one instant.

        ``.cut`` says whether there are more; then ``.after`` goes on. Files without a readable value are in
        ``.errors``. Raises `InvalidValue` for an unknown operator, an operand it cannot have, a path that is none.
        """
        from fsstore.finding.find import find

        found = find(
            self._engine,
            self.name,
            where,
            text=text,
            prefix=text_or_all(prefix),
            limit=limit,
            after=None if after is None else text_or_all(after),
            verify=verify,
        )
        self._tell("find", prefix, count=len(found))
        return found

    def grep(
        self,
        pattern: str | re.Pattern[str],
        *,
        prefix: str | None = None,
        limit: int | None = 100,
        after: str | None = None,
        ignore_case: bool = False,
    ) -> Found[Match]:
        """The lines in texts of values in which a regular expression is found: key, place in the value, and line.

        Sorted by key, then as in the value; at most ``limit``, past what ``.after`` of an earlier answer says. Numbers,
        booleans and null are searched as in JSON, names of members are not. Every file is read. Raises
        `InvalidValue` for a pattern that is none.
        """
        from fsstore.finding.grep import grep

        found = grep(
            self._engine,
            self.name,
            pattern,
            prefix=text_or_all(prefix),
            limit=limit,
            after=None if after is None else text_or_all(after),
            ignore_case=ignore_case,
        )
        self._tell("grep", prefix, count=len(found))
        return found

    def index(self, *fields: str, text: Iterable[str] = ()) -> None:
        """Have an index of these fields of this namespace's values, and of the words in these; with none: no index.

        Declared for everybody, in the tracked file ``.meta/.namespace.json``; replaces what was declared. Paths are as
        in `find`. The next `find` builds it. It is one disposable file of SQLite in ``.fsstore/index/``, made
        anew from the values whenever it is not there or not right. Raises `InvalidValue` for a path that is none.
        """
        from fsstore.finding.declaring import declare

        declare(self._engine, self.name, fields, text, self._writer)
        self._tell("index", None)
