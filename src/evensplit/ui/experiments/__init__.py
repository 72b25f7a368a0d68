"""What the pages of experiments show, made of the results that the JSON interface sends. Nothing is computed here."""
