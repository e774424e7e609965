"""How far long work is, for whoever asked."""

import contextlib
import functools

from ._errors import error, shown


@contextlib.contextmanager
def told(progress, show, **bar_options):
    """What the extension is given to call: nothing, the caller's function, or show with a bar of tqdm before its arguments.

    progress     None or False, True, or a function
    bar_options  of tqdm
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise error("usage", "progress=True: expected tqdm to be installed, got none; pip install tqdm, or give a "
                                 "function") from None
        with tqdm(**bar_options) as bar:
            yield functools.partial(show, bar)
    elif callable(progress):
        yield progress
    else:
        raise error("usage", f"progress: expected True or a function, got {shown(progress)}")
