"""What is demanded of an answer, computed by the checker's own means: never shared with the gateway."""
