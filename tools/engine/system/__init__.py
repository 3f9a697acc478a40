"""The process and the operating system: errors, integers, files, locks, signals, devices, clocks.

This package does not depend on configurations, models or data.
"""
