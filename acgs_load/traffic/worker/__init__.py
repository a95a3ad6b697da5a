"""A worker's side of a run: equips users, records samples, reports windows, and knows its own health."""
