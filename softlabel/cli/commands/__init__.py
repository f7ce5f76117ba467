"""One module a command, each with `run(words) -> exit code`; what is heavy is imported when the command works."""
