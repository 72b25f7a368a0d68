"""What stands on each page. A page is a function from a `Visit` to a `Reply`; which path leads to it says `routes`."""
