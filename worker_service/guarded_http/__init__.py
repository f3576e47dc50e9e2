"""HTTP to addresses that a payload names: what is private stays out of reach."""
