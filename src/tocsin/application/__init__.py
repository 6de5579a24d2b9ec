"""The use cases: the pure core between ports, one transaction a decision."""
