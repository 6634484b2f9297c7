"""`make demo`: the whole sample application, started and stopped by one command."""
