"""Model directories: fetched, checked, loaded into the objects of the pipeline."""
