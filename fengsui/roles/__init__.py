"""The server's roles: each module's `run(settings, stop)` is one process of `fengsui serve`."""
