"""What all three services say in the same way over HTTP: their documents, and the forms of their replies."""
