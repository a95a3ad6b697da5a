"""One user: what it sends, what it remembers, and what became of each request."""
