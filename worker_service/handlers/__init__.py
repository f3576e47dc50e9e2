"""The job types that Punctual ships, one file each."""
