"""One file a command of `fengsui`."""
