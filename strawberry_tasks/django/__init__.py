"""What a Django project needs of its own."""
