"""HTTP: is it alive, is it ready, and one round by hand."""
