"""What `manage.py` offers for the shop."""
