"""The long proof that nothing acknowledged is lost: run by hand, `python -m tests.endurance`."""
