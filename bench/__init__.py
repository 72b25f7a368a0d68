"""How fast the server is, against floors measured in the same run. `python -m bench` from the repository's root."""
