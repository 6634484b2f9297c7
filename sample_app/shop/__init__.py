"""The shop: products and sales, and the tasks that work on them."""
