"""HTTP: public routes, internal routes, problems."""
