"""Web server of a study: the pages of raters and researchers, over HTTP."""
