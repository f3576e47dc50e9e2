"""What a user would pick instead of Punctual, each behind the same few calls (`bench/peers/peer.py`)."""
