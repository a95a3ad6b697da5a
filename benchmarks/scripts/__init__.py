"""What the benchmarks run in processes of their own: our generator, and the peers' scripts."""
