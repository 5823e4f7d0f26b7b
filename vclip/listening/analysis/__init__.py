"""Analysis of ratings: rater exclusion, intervals, statistical models, report, charts."""
