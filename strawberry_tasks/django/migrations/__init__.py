"""The changes of the database."""
