"""What is for sale: categories, products, reviews and the search over them."""
