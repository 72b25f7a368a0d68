"""The tests. `unit` needs no server; `system` runs real server processes and looks at them from outside."""
