"""The encoding that a command uses, and how vocabularies grow from one training to the next.

What an encoding is, how it is learned and how its file looks stands in the package above.
"""
