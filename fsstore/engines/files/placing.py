"""Files on their way from `.fsstore/tmp` to their place, and back. It knows no key and takes no lock."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from fsstore.engines.files import layout
from fsstore.engines.files.atomic import Tree, discard
from fsstore.engines.files.directories import Directories
from fsstore.engines.files.intents import Entry, signature

_ATTEMPTS = 100  # a directory made for a file can be gone before the file arrives
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EACCES})


class Placing:
    """Puts the files of commits into their places, each in one rename, and can put back what was there."""

    def __init__(self, tree: Tree, require_store: Callable[[], None]) -> None:
        self._tree = tree
        self._require_store = require_store
        self._tmp = tree.absolute(layout.TMP)

    def temporary(self, name: str) -> bytes:
        """The absolute path of a file in `.fsstore/tmp`."""
        return b"%b/%b" % (self._tmp, name.encode())

    def put(self, staged: bytes, parent: bytes, name: bytes, directories: Directories) -> None:
        """Rename a staged file into its place: before it readers see the old file, after it the new one."""
        for attempt in range(_ATTEMPTS):
            try:
                os.rename(staged, name, dst_dir_fd=directories.make(parent))
            except FileNotFoundError:
                self._require_store()
                if attempt == _ATTEMPTS - 1:
                    raise
                directories.forget(parent)
            else:
                return

    def apply(self, entry: Entry, directories: Directories) -> None:
        """Do what an entry says, if it is not done. What was there before is kept beside the staged files."""
        parent, _, name = self._tree.absolute(entry.path).rpartition(b"/")
        old = self.temporary(entry.old)
        if entry.staged is None:
            try:
                os.rename(name, old, src_dir_fd=directories.find(parent))
            except FileNotFoundError:
                if not self._tree.exists(self._tmp):  # there is nowhere to keep it; the file may be there still
                    raise
                return  # somebody else was faster
            directories.emptied.add(parent)
            return
        if entry.was is not None:
            try:
                os.link(name, old, src_dir_fd=directories.find(parent), follow_symlinks=False)
            except (FileNotFoundError, FileExistsError):  # gone since; or this is done for the second time
                pass
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
        self.put(self.temporary(entry.staged), parent, name, directories)

    def undo(self, entry: Entry, directories: Directories) -> None:
        """Take back what `apply` did, if it did anything."""
        parent, _, name = self._tree.absolute(entry.path).rpartition(b"/")
        old = self.temporary(entry.old)
        try:
            now = signature(self._tree.stat(entry.path))
        except (FileNotFoundError, NotADirectoryError):
            now = None
        if now != entry.new or (entry.staged is not None and self._tree.exists(self.temporary(entry.staged))):
            discard(old)  # it was not done, or is undone, or is a person's by now
            return
        if entry.was is not None:
            if self._tree.exists(old):
                self.put(old, parent, name, directories)
                discard(old)  # two names of one file are not renamed to one
        elif entry.staged is not None and not self._tree.exists(self.temporary(entry.staged)):
            discard(self._tree.absolute(entry.path))
            directories.emptied.add(parent)

    def resume(self, entry: Entry, directories: Directories) -> bool:
        """Do what a dead process left undone of an entry; false if a person has changed the file since.

        Also false for a staged file that is not whole, as after a loss of power.
        """
        if entry.staged is None:
            if self._tree.exists(self.temporary(entry.old)):
                return True
        else:
            try:
                whole = self._tree.stat(self.temporary(entry.staged)).st_size == entry.size
            except FileNotFoundError:
                return True
            if not whole:
                return False
        try:
            now = signature(self._tree.stat(entry.path))
        except (FileNotFoundError, NotADirectoryError):
            now = None
        if now != entry.was and not (now is None and entry.staged is None):
            return False
        self.apply(entry, directories)
        return True
