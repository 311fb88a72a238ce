"""The command: the only room that may import all the others."""
