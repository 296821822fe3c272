"""PIE-Bench, the benchmark of edits by a pair of prompts (Ju et al., arXiv:2310.01506), on any
workflow: `python -m benchmarks.pie_bench DATA` (docs/benchmarks.md).
"""
