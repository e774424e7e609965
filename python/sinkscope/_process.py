"""Whether models may run in this process: threads do not survive a fork."""

import os

from ._errors import error

_model_was_open = False
_is_broken = False


def _after_fork():
    global _is_broken
    _is_broken = _model_was_open


os.register_at_fork(after_in_child=_after_fork)


def check():
    """Called before a model is opened or run.

    throws  Error "usage" in a child of a process that had a model open: it would wait for threads for ever
    """
    if _is_broken:
        raise error("usage", "model: expected a process that was not forked from one with an open model, got such a "
                             "child; fork first, or start it by multiprocessing.get_context('spawn')")


def opened():
    """Called once a model is open."""
    global _model_was_open
    _model_was_open = True
