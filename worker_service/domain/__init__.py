"""What a worker knows: attempts, offsets, holds, slots. Pure; changed by the main loop only."""
