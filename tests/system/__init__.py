"""Black-box tests: real server processes, real SQLite files, nothing imported from the product."""
