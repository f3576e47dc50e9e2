"""What every process needs to run: settings, logs, loops, sessions, HTTP."""
