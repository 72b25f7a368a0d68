"""`python -m evensplit` is the command line."""

from evensplit.cli import main

main()
