"""The record: the only place with SQL. Functions take the connection first and never commit."""
