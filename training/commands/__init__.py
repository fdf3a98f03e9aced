"""The commands, one module each: its arguments and what it does.

Each is listed in `training.__main__`.
"""
