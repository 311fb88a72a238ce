"""The doors of the server: REST, the alarm push, live values, and the console's files."""
