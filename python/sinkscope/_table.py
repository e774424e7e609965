"""Tables: one row a sink or a run, handed to pandas, polars, pyarrow, or whoever reads the Arrow C stream interface."""

import numpy


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

    def about(self, column):
        """(unit, what it is) of a column."""
        return self._core.unit(self._places[column]), self._core.help(self._places[column])

    def _values(self, column):
        values, is_measured = self._core.values(self._places[column])
        return values, is_measured.view(bool)

    def __getitem__(self, column):
        """A column as numpy: float32 with NaN; int64 or bool, masked where something is null; objects of str and None."""
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
        """A pandas DataFrame; nulls of whole numbers and flags as in pandas's Int64 and boolean."""
        import pandas

        extension = {"integer": pandas.arrays.IntegerArray, "flag": pandas.arrays.BooleanArray}
        columns = {}
        for name, kind in self._kinds.items():
            column = self[name]
            if isinstance(column, numpy.ma.MaskedArray):
                column = extension[kind](numpy.array(column.data), numpy.array(column.mask))
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

    def __repr__(self):
        return f"<sinkscope.Table of {len(self)} rows: {', '.join(self.columns[:12])}, ...>"
