"""What is known of node types before anything runs."""
