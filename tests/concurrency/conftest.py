"""Processes that a test started and did not end are killed."""

from files.conftest import _no_process_stays, scratch

__all__ = ["_no_process_stays", "scratch"]
