"""Many edits from a table: `python -m batch edits.csv --out DIR` (docs/batches.md)."""
