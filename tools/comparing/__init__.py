"""What tools/compare.py does: a matrix of runs, their figures, and the pages that show them."""
