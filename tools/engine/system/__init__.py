"""The process and the operating system: errors, files, locks, signals, devices, clocks.

Nothing here knows configurations, models or data.
"""
