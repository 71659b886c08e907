"""The linter of GitHub workflows: a Go program, for its Python package downloads when it builds."""
