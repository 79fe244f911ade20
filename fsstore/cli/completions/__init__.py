"""The scripts that teach a shell to complete this command. They ask the command itself, and know no verb."""

from __future__ import annotations

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """The script of one of `SHELLS`, to be sourced."""
    from importlib.resources import files

    return (files(__package__) / f"fsstore.{shell}").read_text(encoding="utf-8")
