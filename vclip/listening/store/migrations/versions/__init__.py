"""One file a step. A new one: a test tells what the tables have and the steps do not."""
