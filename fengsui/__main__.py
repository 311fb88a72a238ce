"""`python -m fengsui`, which is how the supervisor starts its children."""

from fengsui.cli import main

main()
