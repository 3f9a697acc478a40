"""What the data sets' preparation shares: download, checks, publishing, sample generators.

What is particular to one data set lives in its own folder.
"""
