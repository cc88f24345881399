"""What the programs of Benchmarks/ share: processes, load, peers and the arithmetic of a report. Standard library only."""
