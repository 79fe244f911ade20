"""The traceback of an agent as its author wants it: from the agent's file on, without fsstore's own frames."""

from __future__ import annotations

import os
import traceback

import fsstore

_OURS = os.path.dirname(os.path.abspath(fsstore.__file__)) + os.sep


def trace_of(error: BaseException, agent_file: str) -> str:
    """The text of the traceback, its final newline included."""
    trace = traceback.TracebackException.from_exception(error)
    files = [frame.filename for frame in trace.stack]
    start = files.index(agent_file) if agent_file in files else len(files)  # not there: it never came to run
    trace.stack = traceback.StackSummary.from_list(trace.stack[start:])
    _drop_ours(trace)
    return "".join(trace.format())


def _drop_ours(trace: traceback.TracebackException) -> None:
    """Of each stack in the chain, what the agent called in fsstore."""
    kept = [frame for frame in trace.stack if not frame.filename.startswith(_OURS)]
    trace.stack = traceback.StackSummary.from_list(kept)
    for other in (trace.__cause__, trace.__context__, *(trace.exceptions or ())):
        if other is not None:
            _drop_ours(other)
