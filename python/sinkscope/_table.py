"""Tables: one row a sink or a run, handed to pandas, polars, pyarrow, or whoever reads the Arrow C stream interface."""

import html

import numpy

from ._errors import error, unknown

_ROWS_OF_CELL = 20  # that a notebook shows


class Table:
    """Columns of equal length; the same as those of the program's CSV, by the same names.

    What is not measured is null: NaN in columns of numbers, <NA> or masked in whole numbers and flags, None in texts.
    """

    def __init__(self, core):
        self._core = core
        self._kinds = dict(zip(core.names, core.kinds))
        self._places = {name: i for i, name in enumerate(core.names)}

    def __len__(self):
        return self._core.n_rows

    @property
    def columns(self):
        """Names of the columns, in order."""
        return list(self._places)

    def __contains__(self, column):
        return column in self.columns

    def __iter__(self):
        """Names of the columns."""
        return iter(self._places)

    def _place(self, column):
        if not isinstance(column, str) or column not in self._places:
            raise unknown("column", column, self.columns)
        return self._places[column]

    def about(self, column):
        """(unit, what it is) of a column."""
        place = self._place(column)
        return self._core.unit(place), self._core.help(place)

    def _values(self, column):
        values, is_measured = self._core.values(self._place(column))
        return values, is_measured.view(bool)

    def __getitem__(self, column):
        """A column as numpy: float32 with NaN; int64 or bool, masked where something is null; objects of str and None.

        throws  Error "usage" if there is no such column, and says which is the nearest
        """
        values, is_measured = self._values(column)
        kind = self._kinds[column]
        if kind == "text":
            return numpy.array(values, dtype=object)
        if kind == "flag":
            values = values.view(bool)
        if is_measured.all():
            return values
        if kind == "number":
            return numpy.where(is_measured, values, numpy.float32("nan"))
        return numpy.ma.MaskedArray(values, mask=~is_measured)

    def to_numpy(self):
        """All columns: {name: array}."""
        return {name: self[name] for name in self._places}

    def to_pandas(self):
        """A pandas DataFrame: whole numbers are Int64 and flags boolean, whether something is null or not."""
        import pandas

        extension = {"integer": pandas.arrays.IntegerArray, "flag": pandas.arrays.BooleanArray}
        columns = {}
        for name, kind in self._kinds.items():
            column = self[name]
            if kind in extension:
                column = extension[kind](numpy.array(numpy.ma.getdata(column)), numpy.ma.getmaskarray(column).copy())
            columns[name] = column
        return pandas.DataFrame(columns)

    def to_arrow(self):
        """A pyarrow Table."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self):
        """A polars DataFrame."""
        import polars

        return polars.DataFrame(self)

    def __arrow_c_stream__(self, requested_schema=None):
        """A capsule with an ArrowArrayStream. Its schema is the table's own, whatever is requested."""
        return self._core.arrow_stream()

    def __reduce__(self):
        raise error("usage", "table: expected no copy by pickle, got one; to_pandas() or to_numpy() makes what has copies")

    def _repr_html_(self):
        """The first rows as a table of a notebook's cell."""
        def row(tag, cells):
            return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"

        def shown(cell):
            return "" if cell is None or cell is numpy.ma.masked else f"{cell:.4g}" if isinstance(cell, numpy.floating) else cell

        columns = [[shown(cell) for cell in self[name][:_ROWS_OF_CELL]] for name in self]
        rows = [row("th", self), *(row("td", cells) for cells in zip(*columns))]
        more = f"<p>{len(self)} rows</p>" if len(self) > _ROWS_OF_CELL else ""
        return f"<table>{''.join(rows)}</table>{more}"

    def __repr__(self):
        return f"<sinkscope.Table of {len(self)} rows: {', '.join(self.columns[:12])}, ...>"
