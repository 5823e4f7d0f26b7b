"""Design of a study: its data model, cells and trials, and the plan of each rater's session."""
