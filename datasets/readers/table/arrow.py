"""Imports PyArrow: only tables need it, so only their reader imports this module."""

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet
except ImportError as error:  # not installed, or not for this NumPy
    raise ImportError(
        f"reading tables needs pyarrow: pip install -r requirements-table.txt ({error})"
    ) from error

__all__ = ["csv", "pa", "parquet", "pc"]
