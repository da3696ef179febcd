"""``completion``: what lets a shell complete the command with the Tab key."""

from __future__ import annotations

import sys

import click
import click.shell_completion

from .session import COMPLETE_VARIABLE, Session, local

__all__ = ["completion"]


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@local
@click.pass_obj
def completion(session: Session, shell: str) -> int:
    """Print what completes the command in a shell.

    The shell then completes verbs, options and their values with the Tab key.

    \b
    bash:  echo 'eval "$(superstaq-jobs completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(superstaq-jobs completion zsh)"' >> ~/.zshrc
    fish:  superstaq-jobs completion fish > ~/.config/fish/completions/superstaq-jobs.fish

    It needs bash 4.4 or newer.
    """
    kind = click.shell_completion.get_completion_class(shell)
    root = click.get_current_context().find_root()
    if kind is None:
        raise click.UsageError(f"{shell} is not known.")
    made = kind(root.command, {}, "superstaq-jobs", COMPLETE_VARIABLE)
    script = made.source_template % made.source_vars()
    return session.done({"script": script}, lambda: sys.stdout.write(script))
