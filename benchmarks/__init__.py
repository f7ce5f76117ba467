"""What is measured of softlabel, and against what: `python -m benchmarks`."""
