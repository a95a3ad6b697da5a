"""From files to tables: run folders and Locust's CSV files."""
