"""What builds the documentation site: the public API walked, pages generated, pictures drawn."""
