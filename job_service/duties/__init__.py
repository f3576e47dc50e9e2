"""Periodic work on the data, one file each; any number of replicas may run them."""
