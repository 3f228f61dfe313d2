"""Pages that are made from code, so that they cannot drift from it: one module a page, `page()` gives its text."""
