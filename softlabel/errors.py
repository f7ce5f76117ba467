"""Errors a person can act on: what was wrong, where, and what was expected."""


class SoftlabelError(Exception):
    """A mistake in the input, not in the program: the command line prints it without a traceback and exits with 2."""


class ConfigError(SoftlabelError):
    """An option has an unknown name or a value it cannot take."""


class DataError(SoftlabelError):
    """The data cannot be used as they are; the message names file, row, column and value."""


class UnsupportedError(SoftlabelError):
    """A method, task, network or format does not go with another one."""


class RunError(SoftlabelError):
    """A run folder is missing, damaged, held by another process, or belongs to another configuration."""


class FailedRunError(RunError):
    """A run broke off while it was running (a loss that is not finite): not a mistake in the input, so exit code 1."""
