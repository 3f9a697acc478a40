"""PyArrow, which is asked for only where a table is read."""

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet
except ImportError as error:  # not installed, or not for this NumPy
    raise ImportError(
        f"tables are read by pyarrow: pip install -r requirements-table.txt ({error})"
    ) from error

__all__ = ["csv", "pa", "parquet", "pc"]
