"""Everything as processes: gateway to console, crash and restart."""
