"""Job types of a shop."""
