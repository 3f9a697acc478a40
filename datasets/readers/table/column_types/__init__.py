"""The columns of features of a table: numbers and categories, and what a YAML says of them."""
