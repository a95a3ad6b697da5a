"""The master's side of a run: plays the plan, gathers windows, ends in order, writes the run down."""
