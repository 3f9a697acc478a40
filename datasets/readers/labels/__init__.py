"""Labels as tasks declare them: what cells mean, which rows have none, and their counts.

Readers use it. What the loss makes of labels is in ``models/common/tasks``.
"""
