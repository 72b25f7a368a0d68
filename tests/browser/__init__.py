"""Tests in a real browser: pages as people see them, and the browser script on a page of somebody else."""
