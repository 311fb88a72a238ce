"""Reports a shift lead signs: one content, three forms (page, paper, sheet), two languages."""
