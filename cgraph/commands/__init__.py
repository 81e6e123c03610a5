"""The subcommands of `cgraph`, a module each: `arguments(parser)` and `run(options) -> exit code`."""
