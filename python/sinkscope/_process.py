"""Whether a model may run: threads do not survive a fork, and one call of a model does not begin within another."""

import contextlib
import os
import threading

from ._errors import error, options_named_as

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


class Runs:
    """The one way to a model's runs.

    keywords  options of the model and its runs, by which errors name them
    """

    def __init__(self, core, keywords):
        self._core = core
        self._keywords = keywords
        self._threads = set()  # that are in a run, or wait for one
        global _model_was_open
        _model_was_open = True

    @contextlib.contextmanager
    def begin(self):
        """The extension's model, while the block lasts.

        throws  as check; Error "usage" in a thread whose run of this model is not over, as a function for progress is: it
                would wait for itself for ever
        """
        check()
        thread = threading.get_ident()
        if thread in self._threads:
            raise error("usage", "model: expected no run of it within another of its runs, got one, from a function for "
                                 "progress or a signal; wait for the end, or open it a second time")
        self._threads.add(thread)
        try:
            with options_named_as(self._keywords):
                yield self._core
        finally:
            self._threads.discard(thread)
