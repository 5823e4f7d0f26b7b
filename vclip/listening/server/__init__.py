"""The pages of raters and researchers, over HTTP."""
