"""Benchmarks of the host: `python -m benchmarks --help`. They need a POSIX system; pinning to cores needs Linux."""
