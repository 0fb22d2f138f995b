"""Settings that stop this workload from running, said at start."""
