"""Where users, variants, metrics and statistics meet."""
