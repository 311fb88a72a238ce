"""Laws and stories of single parts, against nothing."""
