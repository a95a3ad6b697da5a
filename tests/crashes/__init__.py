"""Kills what a run consists of, at random moments, and looks what is left: the proof that nothing measured is lost."""
