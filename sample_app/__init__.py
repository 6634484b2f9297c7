"""A Django project with real tasks on real input, and a page to watch them."""
